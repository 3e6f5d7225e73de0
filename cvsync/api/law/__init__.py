"""How fast to call: a rate that finds a cap nobody states, and stays just under it.

Pure: told of sends and answers, it says how fast calls may follow each other. It is in one of three phases:

    start     nothing is known: the published rate, then twice what was let in within the last second,
              until the first 429
    search    the cap was met, or has moved: climb by a share a second, faster the longer no 429 comes
    settled   each admitted call raises the rate by a, each 429 cuts it by b, so that the share of 429s comes
              to a/(a+b) whatever the cap is. The first steps are wide and each 429 narrows the next, as in
              any search for a root through noise: wide steps find the cap, narrow ones stay at it.

Only calls that waited for the rate count, and only the time that they waited: a rate that nobody uses proves
nothing. A 429 of a call that left before the last cut is no news.
"""

from cvsync.api.law.rate import RateLaw, Reason
from cvsync.api.law.sends import Sent

__all__ = ["RateLaw", "Reason", "Sent"]

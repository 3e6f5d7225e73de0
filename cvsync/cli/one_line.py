"""Names that others gave, in a line for people: none begins another or moves the cursor."""

from __future__ import annotations

import re

_ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")  # instead of being seen


def one_line(text: str) -> str:
    r"""Show the characters of a line that would act on a terminal as Python writes them, as `\n`."""
    return _ACTS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)

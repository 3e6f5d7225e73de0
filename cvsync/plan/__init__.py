"""What should change: pure functions from labels and a snapshot to a plan and its batches."""

from cvsync.plan.actions import Action, Box, Kind, Label, NewTag, TagRename
from cvsync.plan.diff import Prune, diff
from cvsync.plan.plan import Plan

__all__ = ["Action", "Box", "Kind", "Label", "NewTag", "Plan", "Prune", "TagRename", "diff"]

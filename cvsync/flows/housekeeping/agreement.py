"""Asking before something is gone for good."""

from __future__ import annotations

from collections.abc import Callable

Agree = Callable[[str], bool]
"""Is told what is about to go, and says whether it may."""

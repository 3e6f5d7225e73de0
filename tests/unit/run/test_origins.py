"""Whose an image is, whatever came when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import create, make_plan

from cvsync.run.ledger import Ledger, Stored
from cvsync.run.origins import MANIFEST

ORIGINS = st.sampled_from([MANIFEST, "shelf", "other"])
KEYS = st.sets(st.sampled_from("abcdef"), max_size=3)
STEPS = st.lists(st.tuples(ORIGINS, KEYS, KEYS), min_size=1, max_size=8)


@given(steps=STEPS)
@settings(max_examples=25)  # it waits for a disk that others use too
def test_each_project_knows_the_images_that_it_made(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, set[str], set[str]]]
) -> None:
    """A step has an origin, the keys that it names, and those that are deleted then."""
    ledger = Ledger.open(tmp_path_factory.mktemp("ledger") / "ledger.sqlite", "here")
    made: dict[str, Any] = {}
    for origin, named, deleted in steps:
        new = sorted(named - made.keys())
        ledger.origins.note(origin, "run")
        ledger.origins.bring(origin, make_plan("p", *map(create, new)))
        batch = ledger.intend("run", "create image", new)
        ledger.conclude(batch, stored=[Stored(key, f"of {key}") for key in new])
        made |= dict.fromkeys(new, origin)
        batch = ledger.intend("run", "delete image", [])
        ledger.conclude(batch, deleted=[f"of {key}" for key in deleted])
        made = {key: of for key, of in made.items() if key not in deleted}

    known = {*ledger.ids_of([*made])}
    for project in ("shelf", "other"):
        brought = ledger.origins.brought_by(project)
        mine = known if brought is None else known & brought
        assert mine == {key for key, of in made.items() if of == project}
    ledger.close()

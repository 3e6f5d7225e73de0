"""Every format and every pair of formats: what is written is read again, as far as the format says."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make import make_png

from cvsync.labels import BOX, METADATA, OPTIONAL, Labels, fold
from cvsync.manifest import FORMATS, Reading, read, write
from cvsync.manifest.boxes import NOISE
from cvsync.manifest.holds import WHOLE_PIXELS, fit

WRITABLE = [name for name, form in FORMATS.items() if form.write]
SUFFIX = {"azureml": "jsonl", "vertex": "jsonl", "rekognition": "manifest", "coco": "json"}
PNG = make_png(1, (4, 3))

texts = st.one_of(
    st.sampled_from(
        ["cat", "007", "NA", "null", "true", "=1+1", "-", "a,b", 'a"b', "a;b", "[x]", "{", "Größe ✓", "a\nb"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=6),
)  # fmt: skip
sides = st.floats(2.0**-26, 1, width=32)  # about 1e-8: what the formats with corners are exact for


@st.composite
def boxes(draw: Any) -> tuple[float, ...]:
    found = []
    for _ in range(2):
        extent = draw(sides)
        start = np.float32(draw(st.just(0.0) | sides))
        if float(start) + extent > 1:
            start = np.float32(1 - extent)
        while float(start) + extent > 1:
            start = np.nextafter(start, np.float32(0))
        found.append((float(start) if start >= 2.0**-26 else 0.0, extent))
    return found[0][0], found[1][0], found[0][1], found[1][1]


@st.composite
def data_sets(draw: Any) -> list[dict[str, Any]]:
    """Rows of labels as the schema has them; images are files ``0.png`` and so on, or URLs."""
    tags = draw(st.lists(texts, min_size=1, max_size=4, unique_by=fold).map(lambda t: [x.strip() for x in t]))
    with_boxes, negative = draw(st.booleans()), draw(st.booleans())
    columns = draw(
        st.sets(
            st.sampled_from(["version", "image_id", "key", "size", "metadata.a b", 'metadata."']), max_size=4
        )
    )
    rows = []
    for n in range(draw(st.integers(1, 4))):
        place = (
            {"path": f"{n}.png"}
            if draw(st.booleans())
            else {"url": f"https://x.test/{draw(st.integers(0, 1))}/{n}.png"}
        )
        image: dict[str, Any] = dict(place)
        image["key"] = draw(texts) + str(n) if "key" in columns else place.get("path", place.get("url"))
        if "size" in columns:
            image["image_width"], image["image_height"] = (
                draw(st.integers(1, 10_000)),
                draw(st.integers(1, 10_000)),
            )
        image |= {c: draw(st.none() | texts) for c in sorted(columns) if c not in ("key", "size")}
        labels: list[dict[str, Any]] = []
        for tag in draw(st.lists(st.sampled_from(tags), max_size=3, unique=True)):
            box = draw(st.none() | boxes()) if with_boxes else None
            labels.append({"tag": tag} | ({} if box is None else dict(zip(BOX, box, strict=True))))
        if negative and draw(st.booleans()):
            labels = [{"tag": "nothing at all", "tag_type": "Negative"}]
        rows += [image | label for label in labels or [{}]]
    return rows


def labels_from(rows: list[dict[str, Any]], folder: Path) -> Labels:
    names = dict.fromkeys(name for row in rows for name in row)
    known = [*("key", "url", "path", "tag", *BOX), *OPTIONAL.names]
    kept = [n for n in names if n in known or n.startswith(METADATA)]
    types = dict.fromkeys(BOX, pa.float32()) | {"image_width": pa.int32(), "image_height": pa.int32()}
    columns = {n: pa.array([row.get(n) for row in rows], types.get(n, pa.string())) for n in kept}
    sources = pa.array([str(folder / "m.csv")] * len(rows))
    return Labels.from_columns({**columns, "source": sources, "row": pa.array(range(len(rows)), pa.int64())})


def seen(labels: Labels) -> Counter[tuple[Any, ...]]:
    """Labels as sets of facts: where the image really is, not how it is written."""
    facts: Counter[tuple[Any, ...]] = Counter()
    of_image: dict[str, dict[str, Any]] = {}
    for row in labels.table.to_pylist():
        if row["path"] is not None:
            row["path"] = str((Path(row["source"]).parent / row["path"]).resolve())
        box = tuple(row[side] for side in BOX)
        facts["label", row["key"], row["tag"], *box, row.get("tag_type") or "Regular"] += 1
        image = of_image.setdefault(row["key"], {})
        for name, value in row.items():
            if value is not None and name not in ("key", "tag", "tag_type", *BOX, "source", "row", "own_key"):
                image.setdefault(name, value)
    facts.update(("image", key, *sorted(image.items())) for key, image in of_image.items())
    return facts


def assert_same(found: Labels, wanted: Labels, *precisions: str) -> None:
    if WHOLE_PIXELS not in precisions:  # exact, and within the numbers drawn here those with corners are too
        assert seen(found) == seen(wanted)
        return
    sizes = {
        r["key"]: (r.get("image_width") or 1, r.get("image_height") or 1) for r in wanted.table.to_pylist()
    }
    pixel = precisions.count(WHOLE_PIXELS)
    left = [*seen(wanted).elements()]
    for fact in seen(found).elements():
        slack = np.array([NOISE] * 4)
        if fact[0] == "label":
            # An edge may move by half a pixel, twice that in width; what is thinner than one becomes one.
            slack = slack + pixel * np.array([1, 1, 1.5, 1.5]) / np.array([*sizes[fact[1]], *sizes[fact[1]]])
        match = next((other for other in left if is_close(fact, other, slack)), None)
        assert match is not None, (fact, left)
        left.remove(match)
    assert not left


def is_close(one: tuple[Any, ...], other: tuple[Any, ...], slack: Any) -> bool:
    if one[0] != "label" or one[3] is None or other[3:4] in ((), (None,)):
        return one == other
    if (one[:3], one[7:]) != (other[:3], other[7:]):
        return False
    return bool((np.abs(np.subtract(one[3:7], other[3:7])) <= slack).all())


@contextmanager
def workplace(rows: list[dict[str, Any]]) -> Iterator[tuple[Path, Labels]]:
    folder = Path(tempfile.mkdtemp())
    try:
        for row in rows:
            if "path" in row:
                (folder / row["path"]).write_bytes(PNG)
        yield folder, labels_from(rows, folder)
    finally:
        shutil.rmtree(folder)


def there_and_back(labels: Labels, name: str, folder: Path) -> Labels:
    path = folder / f"{name}-{len([*folder.iterdir()])}"
    if not FORMATS[name].is_folder:
        path = path.with_suffix(f".{SUFFIX.get(name, name)}")
    write(labels, path, name, lossy=True)
    manifest = read([path], Reading(any_storage=True))
    assert [*map(str, manifest.problems)] == []
    assert manifest.inputs[0].format.name == name
    return manifest.labels


quick = settings(deadline=None, suppress_health_check=[*HealthCheck])


@pytest.mark.parametrize("name", WRITABLE)
@settings(quick, max_examples=15)
@given(rows=data_sets())
def test_what_is_written_is_read_again(name: str, rows: list[dict[str, Any]]) -> None:
    holds = FORMATS[name].holds
    with workplace(rows) as (folder, labels):
        wanted = fit(labels, holds).labels
        if not len(wanted):
            return
        if name == "folders":  # the images are copies, and their keys those of the originals
            wanted = without_places(wanted)
            found = without_places(there_and_back(labels, name, folder))
        else:
            found = there_and_back(labels, name, folder)

        assert_same(with_derived_keys(found, holds), with_derived_keys(wanted, holds), holds.precision)


def without_places(labels: Labels) -> Labels:
    return Labels(
        labels.table.set_column(
            2, labels.table.schema.field(2), pa.nulls(len(labels), labels.table.schema.field(2).type)
        )
    )


def with_derived_keys(labels: Labels, holds: Any) -> Labels:
    """Name images by their place, where a format has no room for keys."""
    if "key" in holds.columns:
        return labels
    rows = labels.table.to_pylist()
    keys = [row["url"] or str((Path(row["source"]).parent / row["path"]).resolve()) for row in rows]
    return Labels(
        labels.table.set_column(0, labels.table.schema.field(0), pa.array(keys).dictionary_encode())
    )


@pytest.mark.parametrize("first", WRITABLE)
@settings(quick, max_examples=1)
@given(rows=data_sets(), data=st.data())
def test_every_pair_of_formats_converts_there_and_back(
    first: str, rows: list[dict[str, Any]], data: Any
) -> None:
    for second in WRITABLE:
        if "folders" in (first, second):
            continue  # it copies images, so that places differ: it has a test of its own
        one, two = FORMATS[first].holds, FORMATS[second].holds
        with workplace(rows) as (folder, labels):
            if not len(fit(fit(fit(labels, one).labels, two).labels, one).labels):
                continue
            start = there_and_back(labels, first, folder)
            wanted = fit(fit(start, two).labels, one).labels
            found = there_and_back(there_and_back(start, second, folder), first, folder)

            poorer = one if "key" not in one.columns else two
            assert_same(
                with_derived_keys(found, poorer),
                with_derived_keys(wanted, poorer),
                one.precision,
                two.precision,
                one.precision,
            )

"""COCO: one JSON object with images, annotations and categories.

Boxes are left, top, width and height in pixels, or in fractions where none would reach beyond the first pixel
of an image: so Azure AI Vision writes them. An annotation that has polygons only is taken as the box around
them, one of a mask only is refused, and one of neither is a tag.

A row is an annotation, numbered from 1 as they stand; an image without any is a row too, numbered on from
there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import METADATA, Labels
from cvsync.manifest.boxes import OVERHANG
from cvsync.manifest.by_image import OneImage, images_of, tag_names
from cvsync.manifest.coco_lists import Columns, Lists, read_lists
from cvsync.manifest.holds import EVERY_COLUMN, Holds
from cvsync.manifest.imagefolders import find_images
from cvsync.manifest.nested import OutlineError, text_of
from cvsync.manifest.number_cells import read_numbers
from cvsync.manifest.numbers import in_pixels
from cvsync.manifest.outlines import box_around
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Lost, Rows
from cvsync.manifest.target import Target
from cvsync.manifest.texts import Positions
from cvsync.manifest.unfold import unfold

_HEAD = b'{"info":{"description":"written by cvsync"},"licenses":[],\n"categories":'
COCO = Holds(tags=False, needs_size=True, columns=EVERY_COLUMN - {"tag_type"})


def read_coco(place: Place, reading: Reading) -> list[Rows]:
    """Read a file, in columns wherever its ids are numbers.

    Raises:
        ManifestError: It is no such file.
    """
    content = place.read()
    lists = read_lists(place.name, content)
    lists["images"] |= _places(lists["images"])
    found = _match(lists, _fill_boxes(lists["annotations"], content))
    table, home = _table(lists, found), None
    if reading.images is None:
        home, table = find_images(place, table)
    return [
        unfold(
            Rows(
                place.name,
                place.folder,
                table,
                found.numbers,
                names={"path": "file_name", "tag": "category", "box": "bbox"},
                home=home,
                is_local=place.is_local,
                lost=found.lost,
                count=found.count,
                box=Box.LTWH,
                units=_units(lists["annotations"]["bbox"], content),
            )
        )
    ]


def _units(boxes: pa.Array, content: pa.Buffer) -> Units:
    """Tell pixels from fractions; what cvsync wrote is in pixels, however small its images are."""
    numbers = read_numbers(boxes.flatten(), "box", pa.float64(), nan_is_null=True).values
    is_ours = memoryview(content)[: len(_HEAD)] == _HEAD
    most = numbers[np.isfinite(numbers)].max(initial=0)
    return Units.FRACTION if 0 < most <= 1 + OVERHANG and not is_ours else Units.PIXEL


@dataclass(frozen=True, eq=False)
class _Matched:
    """What is a row: positions in the lists, -1 for none."""

    image: Positions
    label: Positions
    tag: Positions
    numbers: Positions
    """1-based."""
    lost: tuple[Lost, ...]
    count: int
    """Of rows, those that cannot be read included."""


def _match(lists: Lists, masks: Sequence[int]) -> _Matched:
    """Find the image and the tag of each annotation, and the images that have none."""
    images, annotations, categories = lists.values()
    tag = _lookup(categories["id"], annotations["category_id"])
    unclear = _with_two_names(categories)
    if unclear:
        ids = annotations["category_id"]
        tag[np.asarray(pc.is_in(ids, pa.array(unclear, ids.type)))] = -1
    image = _lookup(images["id"], annotations["image_id"])
    labelled = np.zeros(len(images["id"]) + 1, bool)
    labelled[image] = True
    numbers = len(image) + 1 + np.arange(len(images["id"]))  # of rows that are images
    doubles = _doubles(images, numbers)
    labelled[[lost.row - len(image) - 1 for lost in doubles]] = True
    alone = np.flatnonzero(~labelled[:-1])
    is_usable = (image >= 0) & (tag >= 0)
    unread = [at for at in masks if is_usable[at]]
    is_usable[unread] = False
    usable = np.flatnonzero(is_usable)
    none = np.full(len(alone), -1)
    return _Matched(
        np.concatenate([image[usable], alone]),
        np.concatenate([usable, none]),
        np.concatenate([tag[usable], none]),
        np.concatenate([usable + 1, numbers[alone]]),
        (*_lost(annotations, images, image, tag, unclear=unclear, masks=unread), *doubles),
        len(image) + len(alone) + len(doubles),
    )


def _places(images: Columns) -> Columns:
    """Say where images are.

    A file of our own names them by ``url`` only, where that is all that is known of them.
    """
    return {
        "url": pc.coalesce(images["url"], images["absolute_url"], images["coco_url"]),
        "path": pc.if_else(images["url"].is_valid(), None, images["file_name"]),
    }


def _lookup(ids: pa.Array, wanted: pa.Array) -> NDArray[np.int64]:
    """Give for each wanted id its position among the ids; -1 where it is not."""
    found = pc.index_in(wanted, value_set=ids, skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1)).astype(np.int64)


def _table(lists: Lists, found: _Matched) -> pa.Table:
    """Put each label beside its image."""
    images, annotations, categories = lists.values()
    rows = pa.array(found.image)
    labels = pa.array(found.label, mask=found.label < 0)
    columns = {
        "url": images["url"].take(rows),
        "path": images["path"].take(rows),
        "image_width": images["width"].take(rows),
        "image_height": images["height"].take(rows),
        "tag": categories["name"].take(pa.array(found.tag, mask=found.tag < 0)),
        "box": annotations["bbox"].take(labels),
    }
    for name, column in images.items():
        if name in ("key", "version", "image_id") or name.startswith(METADATA):
            columns[name] = column.take(rows)
    if "outline" in annotations:
        columns["outline"] = annotations["outline"].take(labels)
    crowd = annotations["iscrowd"]
    if crowd.null_count < len(crowd) and pc.any(pc.not_equal(crowd, 0)).as_py():
        columns["crowd"] = pc.if_else(pc.equal(crowd, 0), None, crowd).cast(pa.string()).take(labels)
    return pa.table(
        {name: column for name, column in columns.items() if column.null_count < len(column)} or columns
    )


def _lost(
    annotations: Columns,
    images: Columns,
    image: Positions,
    tag: Positions,
    *,
    unclear: Sequence[Any],
    masks: Sequence[int],
) -> list[Lost]:
    lost = []
    for row in np.flatnonzero(image < 0).tolist():
        lost.append(Lost("E042", row + 1, "image_id", text_of(annotations["image_id"][row].as_py())))
    for row in np.flatnonzero((tag < 0) & (image >= 0)).tolist():
        id_ = annotations["category_id"][row].as_py()
        code = "E052" if id_ in unclear else "E043"
        place = _image_at(images, int(image[row]))
        lost.append(Lost(code, row + 1, "category_id", text_of(id_), **place))
    for row in masks:
        place = _image_at(images, int(image[row]))
        lost.append(Lost("E051", row + 1, "segmentation", None, **place, is_sure=True))
    return lost


def _image_at(images: Columns, row: int) -> dict[str, Any]:
    """Say where an image is, as a row that could not be read does."""
    return {field: images[field][row].as_py() for field in ("url", "path", "key")}


def _with_two_names(categories: Columns) -> list[Any]:
    """Give the ids that categories of different names share."""
    names: dict[Any, Any] = {}
    pairs = zip(categories["id"].to_pylist(), categories["name"].to_pylist(), strict=True)
    return [id_ for id_, name in pairs if names.setdefault(id_, name) != name]


def _fill_boxes(annotations: Columns, content: pa.Buffer) -> list[int]:
    """Give annotations without a box the one around their polygons; say which have but a mask."""
    boxes = annotations["bbox"]
    empty = np.flatnonzero(np.asarray(pc.equal(pc.fill_null(pc.list_value_length(boxes), 0), 0)))
    if not len(empty):
        return []
    said = orjson.loads(memoryview(content))["annotations"]
    found: dict[int, tuple[float, ...]] = {}
    masks = []
    for row in empty.tolist():
        outline = said[row].get("segmentation")
        if not outline:
            continue
        try:
            left, top, right, bottom = box_around(outline)
        except OutlineError:
            masks.append(row)
        else:
            found[row] = (left, top, right - left, bottom - top)
    new = pa.array([*found.values()], pa.list_(pa.float64())).cast(boxes.type)
    rows = np.arange(len(boxes))
    rows[[*found]] = len(boxes) + np.arange(len(found))
    annotations["bbox"] = pa.concat_arrays([boxes, new]).take(pa.array(rows))
    outlined = np.isin(np.arange(len(boxes)), [*found])
    annotations["outline"] = pc.if_else(pa.array(outlined), "polygon", pa.scalar(None, pa.string()))
    return masks


def _doubles(images: Columns, numbers: Positions) -> list[Lost]:
    """Name the images whose id another has already: no annotation can mean them."""
    first = _lookup(images["id"], images["id"])
    return [
        Lost("E046", int(numbers[row]), "id", text_of(images["id"][row].as_py()), **_image_at(images, row))
        for row in np.flatnonzero(first != np.arange(len(first))).tolist()
    ]


def write_coco(labels: Labels, target: Target) -> None:
    """Write a file; what the format has no field for stands in fields of their own on the images."""
    names = tag_names(labels)
    number = {name: n for n, name in enumerate(names, 1)}
    categories = [{"id": n, "name": name, "supercategory": ""} for name, n in number.items()]
    with target.open() as file:
        file.write(_HEAD)
        file.write(orjson.dumps(categories))
        file.write(b',\n"images":[\n')
        _write_list(file, (_image(n, image) for n, image in enumerate(images_of(labels), 1)))
        file.write(b'],\n"annotations":[\n')
        _write_list(file, _annotations(labels, number))
        file.write(b"]}\n")


def _write_list(file: Any, items: Iterable[Mapping[str, Any]]) -> None:
    for n, item in enumerate(items):
        file.write((b",\n" if n else b"") + orjson.dumps(item))


def _image(number: int, image: OneImage) -> dict[str, Any]:
    cells = image.cells
    said = {"id": number, "file_name": cells.get("path"), "width": None, "height": None}
    said |= {"coco_url": cells.get("url"), "key": cells.get("own_key")}
    if "path" not in cells:  # whoever reads COCO wants a name
        said["file_name"], said["url"] = posixpath.basename(urlsplit(cells["url"]).path), cells["url"]
    said |= {"width": cells.get("image_width"), "height": cells.get("image_height")}
    carried = {n: v for n, v in cells.items() if n in ("version", "image_id") or n.startswith(METADATA)}
    return {name: value for name, value in (said | carried).items() if value is not None}


def _annotations(labels: Labels, number: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    count = 0
    for n, image in enumerate(images_of(in_pixels(labels)), 1):
        for label in image.labels:
            if label.box is None or image.size is None:
                continue
            count += 1
            box = label.box
            yield {
                "id": count, "image_id": n, "category_id": number[label.tag], "bbox": box,
                "area": box[2] * box[3], "iscrowd": 0, "segmentation": [],
            }  # fmt: skip

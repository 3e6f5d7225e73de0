from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reads import URL, labels_of, problems_of, read_one, rows_of, warnings_of, write

from cvsync.errors import ManifestError


@pytest.mark.parametrize("name", ["url", "image_url", "image", "URI", "source-ref", " coco_url "])
@pytest.mark.parametrize("tag", ["tag", "label", "Class", "tags"])
def test_columns_have_other_names(tmp_path: Path, name: str, tag: str) -> None:
    assert labels_of(write(tmp_path, f"{name},{tag}\n{URL},a\n")) == [(URL, "a")]


@pytest.mark.parametrize("header", ["image", "filename"])
def test_a_column_of_another_name_is_what_all_its_cells_are(tmp_path: Path, header: str) -> None:
    paths = read_one(write(tmp_path, f"{header},tag\na/1.jpg,a\n2.jpg,a\n"))
    urls = read_one(write(tmp_path, f"{header},tag\n{URL},a\nhttps://x.test/2,a\n"))

    assert (paths.labels.keys.to_pylist(), [*paths.problems]) == (["a/1.jpg", "2.jpg"], [])
    assert (urls.labels.keys.to_pylist(), [*urls.problems]) == ([URL, "https://x.test/2"], [])
    assert f"image {header}" in paths.convention


def test_a_mixed_column_says_which_cells_are_wrong(tmp_path: Path) -> None:
    assert problems_of(read_one(write(tmp_path, f"image,tag\n{URL},a\n2.jpg,a\n"))) == [("E038", 2, "image")]
    assert problems_of(read_one(write(tmp_path, f"path,tag\n{URL},a\n2.jpg,a\n"))) == [("E039", 1, "path")]


def test_map_names_any_column(tmp_path: Path) -> None:
    path = write(tmp_path, f"where,what,x,y,w,h\n{URL},a,0.1,0.2,0.3,0.4\n")
    columns = {"url": "Where", "tag": "what", "left": "x", "top": "y", "width": "w", "height": "h"}

    assert labels_of(path, columns=columns) == [(URL, "a", 0.1, 0.2, 0.3, 0.4)]


@pytest.mark.parametrize(
    ("header", "reading", "words"),
    [
        ("image,uri,tag", {}, "--map url=COLUMN"),
        ("url,tag,x,y,width,height", {}, "--map left=x --map top=y"),
        ("url,tag,xmin,ymin", {}, "missing: xmax, ymax"),
        ("url,tag,x,y,w,h", {}, "--map left=x --map top=y --map width=w --map height=h"),
        ("url,tag,bbox_x,bbox_y,bbox_width,bbox_height", {}, "look like boxes"),
        ("url,tag,bbox.left,bbox.top,bbox.width,bbox.height", {}, "--map left=bbox.left --map top=bbox.top"),
        ("url,tag,Left (px),Top (px),Width (px),Height (px)", {}, "--map left='left (px)'"),
        ("url,tag,box_xmin,box_ymin,box_xmax,box_ymax", {}, "--map xmin=box_xmin --map ymin=box_ymin"),
        ("url,tag,xtl,ytl,xbr,ybr", {}, "--map xmin=xtl --map ymin=ytl --map xmax=xbr --map ymax=ybr"),
        ("url,tag,x0,y0,x1,y1", {}, "--map xmin=x0 --map ymin=y0 --map xmax=x1 --map ymax=y1"),
        ("url,tag,center_x,center_y,w,h", {}, "--map cx=center_x --map cy=center_y --map width=w"),
        ("url,tag,left,top,width,height,xmin,ymin,xmax,ymax", {}, "stand there twice"),
        ("url,tag,bbox,xmin,ymin,xmax,ymax", {}, "stand there twice"),
        ("url,tag,tags", {}, "'tag' and 'tags' both mean tag"),
        ("url,tag,objects", {}, "--map tag=tag or labels=objects"),
        ("url,lable", {}, "its columns: url, lable"),
        ("url,tag", {"columns": {"url": "nowhere"}}, "no column 'nowhere'"),
        ("url,tag", {"columns": {"nonsense": "tag"}}, "no field 'nonsense'"),
        ("url,tag", {"metadata": ("camera",)}, "--metadata camera"),
        (f"url,tag,metadata.{'m' * 257}", {}, "256 characters"),
    ],
)
def test_what_is_wrong_with_the_columns_is_said(
    tmp_path: Path, header: str, reading: dict[str, Any], words: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        read_one(write(tmp_path, header + "\n"), **reading)

    assert words in str(caught.value)


def test_columns_that_only_look_like_boxes_can_be_carried_along(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,x,y,w,h\n{URL},a,1,2,3,4\n")

    assert labels_of(path, metadata=("x", "y", "w", "h")) == [(URL, "a")]


@pytest.mark.parametrize("header", ["url,tag,tag", "image,uri,tag", "url,label,class"])
def test_a_column_that_is_there_twice_is_not_told_to_be_missing(tmp_path: Path, header: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_one(write(tmp_path, header + "\n"))

    assert "no column" not in str(caught.value)


def test_width_and_height_beside_corners_are_the_image_s_own(tmp_path: Path) -> None:
    path = write(tmp_path, f"filename,width,height,class,xmin,ymin,xmax,ymax\n{URL},200,100,a,20,10,120,60\n")

    (row,) = rows_of(path)

    assert [row[n] for n in ("left", "top", "width", "height")] == pytest.approx([0.1, 0.1, 0.5, 0.5])
    assert (row["image_width"], row["image_height"]) == (200, 100)


@pytest.mark.parametrize(
    ("columns", "labels"),
    [({"tag": "tag"}, ["a"]), ({"tag": "tags"}, ["b", "c"]), ({"labels": "objects"}, ["d"])],
)
def test_map_says_which_of_several_columns_holds_the_labels(
    tmp_path: Path, columns: dict[str, str], labels: list[str]
) -> None:
    path = write(tmp_path, f"url,tag,tags,objects\n{URL},a,b;c,d\n")

    assert [row["tag"] for row in rows_of(path, columns=columns)] == labels


@pytest.mark.parametrize("names", ["x1,y1,x2,y2", "X_min,Y_min,X_max,Y_max"])
def test_corners_have_other_names(tmp_path: Path, names: str) -> None:
    path = write(tmp_path, f"url,width,height,tag,{names}\n{URL},200,100,a,20,10,120,60\n")

    (row,) = rows_of(path)

    assert [row[n] for n in ("left", "top", "width", "height")] == pytest.approx([0.1, 0.1, 0.5, 0.5])
    assert f"box {names.replace(',', ' ')} as xyxy in pixels" in read_one(path).convention


def test_some_of_such_names_are_columns_of_their_own(tmp_path: Path) -> None:
    assert labels_of(write(tmp_path, f"url,tag,x1,x2,w\n{URL},a,1,2,3\n")) == [(URL, "a")]


def test_optional_columns_are_carried(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "url,tag,sha256,tag_type,image_id,image_width,image_height,camera,metadata.site\n"
        f"{URL},a,007,regular,i-1,640,480,left,north\nhttps://x.test/2,none,,NEGATIVE,,,,,\n",
    )

    first, second = rows_of(path, metadata=("camera",))

    assert {name: first[name] for name in first if name not in second or first[name] != second[name]} == {
        "key": URL, "url": URL, "tag": "a", "row": 1, "version": "007", "tag_type": "Regular",
        "image_id": "i-1", "image_width": 640, "image_height": 480, "metadata.camera": "left",
        "metadata.site": "north",
    }  # fmt: skip
    assert (second["tag_type"], second["version"], second["metadata.site"]) == ("Negative", None, None)


def test_negative_names_a_tag(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag\n{URL},a\nhttps://x.test/2,Nothing\n")

    assert [row["tag_type"] for row in rows_of(path, negative="nothing")] == [None, "Negative"]


@pytest.mark.parametrize(
    ("header", "rows", "problems"),
    [
        ("tag,tag_type", ["a,maybe"], [("E025", 1, "tag_type")]),
        ("tag,tag_type", ["a,Negative", "a,Regular"], [("E029", 2, "tag_type")]),
        ("tag,tag_type", ["a,Negative", "b,Negative"], [("E028", 2, "tag")]),
        ("tag,version", ["a,1", "b,2", "c,1"], [("E030", 2, "version")]),
        ("tag,image_width", ["a,640", "b,641"], [("E036", 2, "image_width")]),
        ("tag,image_width", ["a,640.5", "b,0", "c,x"], [("E035", n, "image_width") for n in (1, 2, 3)]),
        ("tag,metadata.m", ["a,1", f"b,{'x' * 513}"], [("E033", 2, "metadata.m")]),
        ("tag,left,top,width,height,tag_type", ["a,0,0,1,1,Negative"], [("E026", 1, "tag")]),
    ],
)
def test_contradictions_are_told(
    tmp_path: Path, header: str, rows: list[str], problems: list[tuple[str, int, str]]
) -> None:
    lines = [f"{URL},{row}" for row in rows]

    assert problems_of(read_one(write(tmp_path, "\n".join([f"url,{header}", *lines]) + "\n"))) == problems


def test_a_negative_tag_stands_alone_on_its_image(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,tag_type\n{URL},a,\n{URL},none,Negative\nhttps://x.test/2,none,\n")

    manifest = read_one(path)

    assert problems_of(manifest) == [("E027", 2, "tag")]
    assert manifest.bad_keys == {URL}
    assert [row["tag_type"] for row in manifest.labels.table.to_pylist()] == [None, "Negative"]


def test_metadata_of_one_image_is_one(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,metadata.m\n{URL},a,1\n{URL},b,2\n{URL},c,\n")

    manifest = read_one(path)

    assert warnings_of(manifest) == [("W012", [2])]
    assert [row["metadata.m"] for row in manifest.labels.table.to_pylist()] == ["1", "1", None]


def test_more_metadata_than_the_service_holds_is_told(tmp_path: Path) -> None:
    names = [f"metadata.{n}" for n in range(51)]
    rows = [",".join(["x"] * count + [""] * (51 - count)) for count in (51, 50)]
    path = write(tmp_path, f"url,tag,{','.join(names)}\n{URL},a,{rows[0]}\nhttps://x.test/2,a,{rows[1]}\n")

    assert problems_of(read_one(path)) == [("E034", 1, "metadata.0")]

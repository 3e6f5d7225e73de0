"""`cvsync validate`, by the command line and as a flow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result
from make import make_png, write_csv
from PIL import Image

from cvsync.cli import reading_options
from cvsync.cli.main import cli
from cvsync.manifest import FORMATS
from cvsync.manifest.schema import COLUMNS, json_schema

URL = "https://pictures.test/1.jpg"


def run(*arguments: object, stdin: str | None = None) -> tuple[int, str, str]:
    result: Result = CliRunner().invoke(
        cli, ["validate", *map(str, arguments)], input=stdin, standalone_mode=False
    )
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout, result.stderr


def boxes(*rows: str) -> str:
    return "url,tag,left,top,width,height\n" + "".join(
        f"https://pictures.test/{n}.jpg,{row}\n" for n, row in enumerate(rows)
    )


def test_a_good_manifest_is_counted(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(boxes(*["a,0,0,1,1", "b,0,0,1,1"] * 15, ",,,,"))

    code, out, err = run(tmp_path / "m.csv")

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "csv: image url, tag tag, box left top width height as ltwh in fractions",
        "31 rows, 31 images, 2 tags, 30 boxes, 1 image without a label; for a detection project",
    ]


def test_problems_are_grouped_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(boxes("a,0.9,0,0.2,1", *["a,x,0,1,1"] * 5, *["a,0,0,1,1"] * 15))

    code, out, _ = run(tmp_path / "m.csv", "--rejects", tmp_path / "r.csv")

    assert code == 3
    path = tmp_path / "m.csv"
    assert out.splitlines()[1:] == [
        "21 rows, 15 images, 1 tag, 15 boxes, 6 rows refused; for a detection project",
        "",
        "E010 not a number: 5 rows",
        *(f"  {path} row {n}: left 'x'" for n in (2, 3, 4)),
        "  … and 2 more",
        "    write it with digits and a point",
        "",
        "E012 the box is outside the image; boxes are fractions 0 to 1 of it: 1 row",
        f"  {path} row 1: left '0.9'",
        "    correct the numbers",
        f"rejects: {tmp_path / 'r.csv'}",
    ]
    assert (tmp_path / "r.csv").read_text().count("E010") == 5


def test_strict_refuses_all(tmp_path: Path) -> None:
    assert run("-", "--strict", stdin=boxes("a,x,0,1,1"))[0] == 4
    assert run("-", "--strict", stdin=boxes("a,0,0,1,1"))[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "is empty"), ("tag\n", "'url' or 'path'"), (boxes("a,5,5,9,900"), "--probe-size")],
)
def test_a_file_that_cannot_be_used_is_told(text: str, words: str) -> None:
    code, out, err = run("-", stdin=text)

    assert (code, out) == (4, "")
    assert words in err


def test_events_are_json(tmp_path: Path) -> None:
    signed = f"{URL}?sv=1&se=2&sig=secret"
    (tmp_path / "m.csv").write_text(f"url,tag\n{signed}, \n{URL}?2,a\n{URL}?3,b \n")

    code, out, _ = run(tmp_path / "m.csv", "--json")

    events = [json.loads(line) for line in out.splitlines()]
    assert [e["ev"] for e in events] == [
        "run_start",
        "validated",
        "problem",
        "oddity",
        "oddity",
        "run_end",
    ]
    assert (events[1]["rows"], events[1]["images"], events[1]["type"]) == (3, 2, "multiclass")
    assert {n: events[2][n] for n in ("code", "row", "column", "remedy")} == {
        "code": "E016", "row": 1, "column": "tag",
        "remedy": "name it, or leave the cell empty for an image without labels",
    }  # fmt: skip
    assert events[3]["rows"] == [{"source": str(tmp_path / "m.csv"), "row": 3, "column": "tag"}]
    assert (events[-1]["exit_code"], events[-1]["totals"]) == (code, {})
    assert "secret" not in out


@pytest.mark.parametrize(
    ("kind", "codes"),
    [("detection", ["E101"]), ("classification", ["E102", "E103"]), ("multilabel", ["E102"])],
)
def test_rows_are_held_against_the_type_of_the_project(kind: str, codes: list[str]) -> None:
    text = "url,tag,left,top,width,height\n" + f"{URL},a,0,0,1,1\n{URL},b,,,,\n"

    code, out, _ = run("-", "--project-type", kind, "--json", stdin=text)

    assert code == 3
    problems = [json.loads(line) for line in out.splitlines() if '"problem"' in line]
    assert sorted({p["code"] for p in problems}) == codes


def test_too_few_images_for_training_are_told() -> None:
    text = "url,tag,tag_type\n" + "".join(f"{URL}?{n},a,\n" for n in range(4)) + f"{URL}?x,none,Negative\n"

    _, out, _ = run("-", stdin=text)

    assert "W020 1 tags have fewer images than training needs (5 needed: 'a' 4)" in out
    assert "W021 1 the only tag; a classifier needs two to tell apart ('a')" in out


def test_files_are_looked_for_unless_told_otherwise(tmp_path: Path) -> None:
    write_csv(tmp_path / "m.csv", [{"path": "none.png", "tag": "a"}])

    assert run(tmp_path / "m.csv")[0] == 3
    assert run(tmp_path / "m.csv", "--no-files")[0] == 0


def test_preview_draws_images_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(make_png(1, (400, 300)))
    (tmp_path / "b.png").write_bytes(b"no picture")
    box = {"left": 0.1, "top": 0.1, "width": 0.5, "height": 0.5}
    manifest = write_csv(tmp_path / "m.csv", [{"path": f"{n}.png", "tag": "a"} | box for n in "ab"])

    assert run(manifest, "--preview", tmp_path / "p.png")[0] == 0

    with Image.open(tmp_path / "p.png") as drawn:
        assert drawn.size == (480, 240)
        assert drawn.crop((240, 0, 480, 240)).getextrema()[0][0] < 99  # says that b is none
        assert drawn.getpixel((23 + 50, 17)) == drawn.getpixel((23, 17 + 60))  # two edges of the box
        assert drawn.getpixel((239, 239)) == (255, 255, 255)
    code, _, err = run("-", "--preview", tmp_path / "q.png", stdin=f"url,tag\n{URL},a\n")
    assert code == 2
    assert "of this machine" in err


def test_a_preview_takes_the_place_of_no_manifest_and_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(make_png(1))
    manifest = write_csv(tmp_path / "m.csv", [{"path": "a.png", "tag": "a"}])
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    with pytest.raises(click.UsageError, match="is one of the manifests"):
        run(manifest, "--preview", manifest)
    code, _, err = run(manifest, "--preview", tmp_path / "a.png")

    assert (code, "is one of the images" in err) == (2, True)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert run(manifest, "--preview", tmp_path / "new" / "p.png")[0] == 0


def test_schema_is_one_that_own_lines_keep() -> None:
    _, out, _ = run("--schema")

    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == json_schema()
    assert [*schema["properties"]] == [column.name for column in COLUMNS]
    good: dict[str, Any] = {
        "url": URL,
        "tag": "a",
        "left": 0,
        "top": 0,
        "width": 1,
        "height": 1,
        "metadata.m": "x",
    }
    jsonschema.validate(good, schema)
    for bad in (
        {"tag": "a"},
        good | {"width": 0},
        {**good, "metadata.m": "x" * 513},
        {"url": URL, "left": 0.5},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_options_name_the_formats_that_there_are() -> None:
    assert [*reading_options.READABLE] == [*FORMATS]
    assert [*reading_options.WRITTEN] == [name for name, form in FORMATS.items() if form.write]


@pytest.mark.parametrize(
    ("arguments", "words"), [((), "which manifest"), (("-", "--map", "url"), "--map FIELD=COLUMN")]
)
def test_usage_is_told(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(Exception, match=words):
        run(*arguments, stdin="")

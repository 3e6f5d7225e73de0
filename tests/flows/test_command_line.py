"""The command as a process of its own, against an emulator in another."""

from __future__ import annotations

import json

import pytest
from desk import Desk
from schema import check_line


def test_local_needs_no_account(desk: Desk) -> None:
    manifest = desk.manifest(3, path=True)

    first = desk.run("push", manifest, "-p", "shelf", "-e", "local", "--create-project")
    second = desk.run("push", manifest, "-p", "shelf", "-e", "local")

    assert (first.returncode, first.stdout) == (0, "2 tags created, 3 images created, 3 labels added\n")
    assert (second.returncode, second.stdout) == (0, "nothing to do\n")
    assert "\r" not in first.stderr  # a progress bar is for terminals


def test_events_are_json_and_end_with_run_end(served: Desk) -> None:
    done = served.run("push", served.manifest(3), "-p", "shelf", "--create-project", "--json")

    events = [check_line(line) for line in done.stdout.splitlines()]
    assert [e["ev"] for e in events][:1] == ["run_start"]
    assert {e["run"] for e in events} == {run for run, _, _ in served.runs()}
    assert (events[-1]["ev"], events[-1]["exit_code"]) == ("run_end", 0)
    assert events[-1]["totals"]["images_created"] == 3
    assert {e["dest"] for e in events} == {served.emulator and served.emulator.url}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (["push", "m.csv"], {}, 2, "CVSYNC_PROJECT"),
        (["push", "m.csv", "-p", "x"], {"CVSYNC_ENDPOINT": ""}, 2, "CVSYNC_ENDPOINT"),
        (["push", "m.csv", "-p", "x"], {"CVSYNC_TRAINING_KEY": ""}, 2, "CVSYNC_TRAINING_KEY"),
        (["push", "m.csv", "-p", "x"], {"CVSYNC_TRAINING_KEY": "canary"}, 7, "401"),
        (["push", "m.csv", "-p", "x"], {}, 7, "--create-project"),
        (["push", "none.csv", "-p", "x"], {}, 4, "no such file"),
        (["push", "bad.csv", "-p", "x"], {}, 4, "no column 'tag'"),
        (["push", "empty.csv", "-p", "x"], {}, 4, "is empty"),
        (["push", "m.csv", "-p", "x", "--export", "toaster"], {}, 2, "CoreML"),
        (
            ["push", "m.csv", "-p", "x", "--create-project", "--type", "multiclass", "--api-version", "v2.0"],
            {}, 2, "v2.1",
        ),
        (["plan", "m.csv", "-p", "x", "--create-project", "--exit-code"], {}, 10, ""),
        (["plan", "m.csv", "-p", "x", "--create-project", "--domain", "Cars"], {}, 2, "'Cars'"),
        (["push", "m.csv", "-p", "x", "-e", "https://h.test/customvision/v3.3/x"], {}, 2, "h.test alone"),
        (["plan", "m.csv", "-p", "x", "--create-project", "--only", "tga 1"], {}, 0, "has a tag 'tga 1'"),
        (["plan", "m.csv", "-p", "x", "--create-project", "--rename", "tga=t"], {}, 0, "no tag 'tga' that"),
        (["push", "m.csv", "-p", "x", "-e", "https://h.test?sig=canary"], {}, 2, "https://h.test alone"),
        (["push", "m.csv", "-p", "x", "--create-project", "--state-dir", "m.csv/s"], {}, 2, "m.csv/s"),
        (["push", "m.csv", "-p", "x", "-e", "local", "--local-data", "m.csv/data"], {}, 2, "data: Not"),
        (["push", "m.csv", "-p", "x", "--rejects", "m.csv/bad.csv"], {}, 2, "m.csv is no folder"),
        (["plan", "m.csv", "-p", "x", "-o", "m.csv/x.plan"], {}, 2, "m.csv is no folder"),
        (["plan", "m.csv", "-p", "x", "-o", "-"], {}, 2, "'-' is stdout"),
        (["pull", "-p", "x", "-o", "-"], {}, 2, "'-' is stdout"),
        (["verify", "m.csv", "-p", "x", "--report", "-"], {}, 2, "'-' is stdout"),
        (["export", "onnx", "-p", "x", "--export-dir", "-"], {}, 2, "'-' is stdout"),
        (["apply", "none.plan", "-p", "x"], {}, 2, "does not exist"),
        (["push", "m.csv", "-p", "x", "--rejects", "./m.csv"], {}, 2, "one of the manifests"),
        (["plan", "*.csv", "-p", "x", "-o", "m.csv"], {}, 2, "one of the manifests"),
        (["validate", "mixed.csv", "--rejects", "mixed.csv"], {}, 2, "one of the manifests"),
        (["convert", "mixed.csv", "x.parquet", "--rejects", "mixed.csv"], {}, 2, "one of the manifests"),
        (["verify", "m.csv", "-p", "x", "-e", "local", "--local-data", "m.csv/data"], {}, 2, "data: Not"),
        (["validate", "mixed.csv", "--rejects", "new/bad.csv"], {}, 3, ""),
        (["convert", "m.csv", "m.csv/out.csv"], {}, 2, "m.csv"),
        (["emulate", "--data", "m.csv/data", "--port", "0"], {}, 2, "data: Not"),
        (["push", "m.csv", "-p", "x", "-e", "local", "--local-data", "other"], {}, 2, "no state of an em"),
    ],
)  # fmt: skip
def test_what_goes_wrong_has_a_code_and_a_reason(
    served: Desk, arguments: list[str], environment: dict[str, str], code: int, words: str
) -> None:
    served.manifest(2)
    (served.folder / "bad.csv").write_text("url,left\nhttps://pictures.test/1,0.5\n")
    (served.folder / "empty.csv").write_text("")
    (served.folder / "other").mkdir()
    (served.folder / "other" / "state.sqlite").write_text("no database, whatever its name says" * 10)
    (served.folder / "mixed.csv").write_text("url,tag\nftp://pictures.test/1,fork\n")

    done = served.run(*arguments, **environment)

    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_unreachable_service_is_a_temporary_fault(desk: Desk) -> None:
    done = desk.run(
        "push", desk.manifest(1), "-p", "x", "--max-outage", "0", CVSYNC_ENDPOINT="http://127.0.0.1:9"
    )

    assert done.returncode == 5
    assert "GetProjects" in done.stderr


def test_verify_proves_or_names_what_differs_and_writes_it_down(desk: Desk) -> None:
    manifest = desk.manifest(3, path=True)
    local = ("-p", "shelf", "-e", "local")
    desk.run("push", manifest, *local, "--create-project")

    same = desk.run("verify", manifest, *local, "--all-bytes", "--report", "same.md")
    manifest.write_text(manifest.read_text().replace("tag 1", "tag | 0"))
    other = desk.run("verify", manifest, *local, "--report", "other.md")
    desk.run("verify", manifest, *local, "--report", "other.json")
    told = desk.run("verify", manifest, *local, "--json", "--report", "other.txt")
    manifest.write_text(manifest.read_text().replace("tag | 0", "tag 1").rpartition("in/2.png")[0])
    one = desk.run("verify", manifest, *local)

    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "equal")
    assert "Equal." in (desk.folder / "same.md").read_text()
    assert (other.returncode, other.stdout.splitlines()[-1]) == (10, "3 differences")
    assert "| label missing | in/1.png |" in (desk.folder / "other.md").read_text()
    assert "| tag \\| 0 | 1 | 0 |" in (desk.folder / "other.md").read_text()
    assert json.loads((desk.folder / "other.json").read_text())["counts"]["label extra"] == 1
    assert "tag missing: 1" in (desk.folder / "other.txt").read_text()
    assert (one.returncode, one.stdout.splitlines()[-1]) == (10, "1 difference")
    events = [check_line(line) for line in told.stdout.splitlines()]
    assert [e["kind"] for e in events if e["ev"] == "difference"] == [
        "tag missing", "label missing", "label extra",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("m.csv", "--source", "x"),
        ("m.csv", "--all-bytes", "--sample", "3"),
        ("m.csv", "--report", "r.doc"),
    ],
)
def test_verify_says_what_it_is_missing(desk: Desk, arguments: tuple[str, ...]) -> None:
    done = desk.run("verify", *arguments, "-p", "shelf", "-e", "local")

    assert done.returncode == 2
    assert "Error: " in done.stderr


def test_state_is_for_its_owner_only(served: Desk) -> None:
    served.run("push", served.manifest(2), "-p", "shelf", "--create-project")

    modes = {p.name: p.stat().st_mode & 0o777 for p in (served.folder / "state").rglob("*")}
    assert modes
    assert {mode for name, mode in modes.items() if "." in name} == {0o600}
    assert all(mode & 0o077 == 0 for mode in modes.values())

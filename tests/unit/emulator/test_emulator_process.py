import asyncio
import base64
import itertools
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import aiohttp
import judging
import published
import pytest
from click.testing import CliRunner

from cvsync.cli import exits
from cvsync.cli.emulate import emulate
from cvsync.emulator import EmulatorProcess
from cvsync.errors import SettingsError

BATCH, WRITERS, ANSWERS = 4, 6, 20


class Writing:
    """Batches of pictures into one project, until the emulator is killed in the midst of them."""

    def __init__(self, api, project, tag, picture):
        self.api, self.picture = api, picture
        self.path = f"projects/{project}/images/files"
        self.tag = tag
        self.numbers = itertools.count()
        self.answered = {}
        """Image ids of each batch that was answered."""

    async def until_killed(self, process):
        wanted = len(self.answered) + ANSWERS
        await asyncio.gather(*(self._write(process, wanted) for _ in range(WRITERS)))

    async def _write(self, process, wanted):
        for number in self.numbers:
            images = [self._entry(number, n) for n in range(BATCH)]
            body = {"images": images, "tagIds": [self.tag], "metadata": {"batch": str(number)}}
            try:
                answer = await self.api.post(self.path, body)
            except aiohttp.ClientError:
                return
            assert answer.status == 200
            self.answered[str(number)] = {result["image"]["id"] for result in answer.value["images"]}
            if len(self.answered) == wanted:
                process.kill()  # with the batches of the other writers in flight

    def _entry(self, number, n):
        content = self.picture((number % 256, number // 256, n))
        return {"name": f"{number}-{n}", "contents": base64.b64encode(content).decode()}


async def test_a_kill_in_the_midst_loses_nothing_that_was_answered(emulator_api, tmp_path, make_picture):
    api, process = emulator_api, EmulatorProcess(tmp_path)
    with process as api.emulator:
        project = await api.project()
        tag = await api.tag(project, "cat")
        writing = Writing(api, project, tag, make_picture)
        for _ in range(2):
            await writing.until_killed(process)
            process.start()

        images, held = await whole_listing(api, project), {}
        for image in images:
            held.setdefault(image["metadata"]["batch"], set()).add(image["id"])
        assert {name: held.get(name) for name in writing.answered} == writing.answered
        assert {len(ids) for ids in held.values()} == {BATCH}  # what was not answered is whole or not there
        assert {t["tagId"] for image in images for t in image["tags"]} == {tag}
        assert (await api.get(f"projects/{project}/tags/{tag}")).value["imageCount"] == len(images)
        for image in images[:: len(images) // 10]:
            async with api.session.get(image["originalImageUri"]) as answer:
                assert (await answer.read()).startswith(b"\x89PNG")
    assert len(writing.answered) >= 2 * ANSWERS
    assert [*tmp_path.rglob("*.part")] == []


async def whole_listing(api, project):
    images = []
    while page := (await api.get(f"projects/{project}/images?take=256&skip={len(images)}")).value:
        images += page
    return images


def test_sigterm_ends_cleanly(tmp_path):
    process = EmulatorProcess(tmp_path, fetch=False)
    process.start()
    with urllib.request.urlopen(f"{process.url}/_emulator/health") as answer:
        assert answer.read() == b'{"status":"ok"}'

    assert process.stop() == 0


BROKEN = """
from cvsync.emulator.shapes import Shapes
Shapes.tag = lambda self, tag: dict(id=tag.id, name=7, description=None, type=tag.type, imageCount=0)
import judging
judging.main()
"""


async def test_answers_of_another_process_are_judged_too(emulator_api, tmp_path, monkeypatch):
    """What `answers_as_published` holds of every test that starts one."""
    report = tmp_path / "report"
    monkeypatch.setenv("PYTHONPATH", str(Path(judging.__file__).parent))
    monkeypatch.setattr(EmulatorProcess, "program", (sys.executable, "-c", BROKEN, str(report)))
    if not published.FOLDER.is_dir():
        pytest.skip("needs ../shared/api, not beside this folder")

    with EmulatorProcess(tmp_path / "emulator", fetch=False) as emulator_api.emulator:
        await emulator_api.post(f"projects/{await emulator_api.project()}/tags?name=fork")

    (problem,) = report.read_text().splitlines()
    assert problem.startswith("CreateTag v3.3 200 at name: 7 is not of type 'string'")


def test_a_helper_runs_the_command_with_its_options(tmp_path):
    options = {"faults": ["GetDomains:status,status=503", "GetTags:html"], "quirks": ["v2-is-gone=on"]}

    with EmulatorProcess(tmp_path, fetch=False, tps=5, **options) as emulator:
        with urllib.request.urlopen(f"{emulator.url}/_emulator/faults") as answer:
            ordered = json.loads(answer.read())
        request = urllib.request.Request(f"{emulator.url}/customvision/v2.0/Training/domains")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        caught.value.close()

    assert [fault["operation"] for fault in ordered] == ["GetDomains", "GetTags"]
    assert caught.value.code == 404


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--fault", "Nothing:status"], "unknown operation 'Nothing'"),
        (["--fault", "GetDomains:status,seconds=1"], "unknown field of status: seconds"),
        (["--quirk", "odd=1"], "no quirk 'odd'; there are duplicate_fails_batch"),
        (["--quirk", "v2_is_gone=perhaps"], "v2_is_gone is one of true, on"),
    ],
)
def test_options_that_make_no_sense_are_a_usage_error(tmp_path, options, complaint):
    done = CliRunner().invoke(emulate, ["--data", str(tmp_path), *options])

    assert done.exit_code == 2
    assert complaint in done.output


def test_a_second_emulator_on_the_same_data_names_them(tmp_path):
    with EmulatorProcess(tmp_path, fetch=False):
        done = CliRunner().invoke(emulate, ["--data", str(tmp_path)], standalone_mode=False)

    assert done.return_value == 8
    assert f"another run is at work on {tmp_path}: run emulator" in done.output


@pytest.mark.parametrize(
    ("host", "reason"),
    [("127.0.0.1", "address already in use"), ("203.0.113.4", "cannot assign"), ("no host", "cannot listen")],
)
def test_an_address_where_nothing_can_listen_is_a_usage_error(tmp_path, host, reason):
    """The second is of documentation, so no machine's own; the third is no name."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ["--data", str(tmp_path), "--host", host, "--port", port]
        done = CliRunner().invoke(emulate, arguments, standalone_mode=False)

    (line,) = done.stderr.splitlines()
    assert done.return_value == 2
    assert line.startswith(f"cvsync: cannot listen on {host} port {port}: ")
    assert reason in line.lower()


def test_what_is_not_installed_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cvsync.emulator", None)

    with pytest.raises(SettingsError, match=r"pip install 'cvsync\[local\]'") as caught:
        CliRunner().invoke(emulate, ["--data", str(tmp_path)], standalone_mode=False, catch_exceptions=False)

    assert exits.exit_code(caught.value) == 2


def test_a_folder_with_something_else_in_it_is_a_usage_error(tmp_path):
    (tmp_path / "state.sqlite").write_text("no database, whatever its name says" * 10)

    done = CliRunner().invoke(emulate, ["--data", str(tmp_path)], standalone_mode=False)

    assert done.return_value == 2
    assert "state.sqlite: it is no state of an emulator" in done.stderr


def test_a_worker_process_fits_a_model(tmp_path):
    pytest.importorskip("cvsync.emulator.learn")
    import orjson

    examples = [
        {"made": True, "sha": bytes([n * 6 + k % 7 for k in range(32)]).hex(), "width": 300, "height": 300,
         "tags": [n % 2], "boxes": []}
        for n in range(20)
    ]  # fmt: skip
    job = {"kind": "MULTICLASS", "tag_count": 2, "seed": 1, "examples": examples}
    command = [sys.executable, "-m", "cvsync.emulator.worker"]

    done = subprocess.run(command, input=orjson.dumps(job), capture_output=True, check=True)

    head, _, model = done.stdout.partition(b"\n")
    assert len(orjson.loads(head)["held_out"]) == len(orjson.loads(head)["candidates"]) > 0
    assert model

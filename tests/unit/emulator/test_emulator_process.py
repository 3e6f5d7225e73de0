import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from click.testing import CliRunner

from cvsync.cli.emulate import emulate
from cvsync.emulator import EmulatorProcess

# What `cvsync emulate` does, without the command line.
PROGRAM = """
import asyncio, pathlib, sys
from cvsync.emulator import EmulatorSettings, serve
settings = EmulatorSettings(data=pathlib.Path(sys.argv[1]), fetch=False)
ready = lambda url: print("cvsync emulator listening on " + url, flush=True)
asyncio.run(serve(settings, ready=ready))
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process, process.stdout.readline().split()[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_a_kill_loses_nothing_that_was_answered(start, emulator_api):
    api = emulator_api
    process, api.emulator.url = start()
    project = await api.project()
    images = [(await api.add(project, f"u{n}"))[0]["image"]["id"] for n in range(20)]
    process.kill()
    process.wait()

    process, api.emulator.url = start()

    assert {image["id"] for image in (await api.get(f"projects/{project}/images")).value} == set(images)


def test_sigterm_ends_cleanly(start):
    process, url = start()
    with urllib.request.urlopen(f"{url}/_emulator/health") as answer:
        assert answer.read() == b'{"status":"ok"}'

    process.terminate()

    assert process.wait(10) == 0


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

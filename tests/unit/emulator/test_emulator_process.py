import subprocess
import sys
import urllib.request

import pytest

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


def test_a_helper_runs_the_command(tmp_path):
    pytest.importorskip("cvsync.cli.main")
    from cvsync.emulator.process import EmulatorProcess

    with (
        EmulatorProcess(tmp_path, fetch=False, tps=5) as emulator,
        urllib.request.urlopen(f"{emulator.url}/_emulator/health") as answer,
    ):
        assert answer.status == 200


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

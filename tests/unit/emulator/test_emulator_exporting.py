"""What becomes of exports when their iterations go."""

import asyncio
import dataclasses

import pytest
from test_emulator_training import COMPACT, ready

from cvsync.emulator import Emulator, EmulatorSettings
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.training import Trainer

pytestmark = pytest.mark.usefixtures("quick_learner")


async def test_an_export_of_a_deleted_iteration_touches_no_other(emulator_api, monkeypatch, caplog):
    api = emulator_api
    project = await ready(api, domainId=COMPACT)
    first = (await api.trained(project))["id"]
    await api.add(project, "new")
    second = (await api.trained(project))["id"]
    ends = {first: asyncio.Event(), second: asyncio.Event()}

    async def fail_at_the_end(_, iteration):
        await ends[iteration.id].wait()
        raise ServiceFault("BadRequestNotSupported", "for a test")

    monkeypatch.setattr(Trainer, "onnx", fail_at_the_end)
    path = f"projects/{project}/iterations"
    await api.post(f"{path}/{first}/export?platform=ONNX")
    await api.delete(f"{path}/{first}")
    await api.post(f"{path}/{second}/export?platform=ONNX")

    ends[first].set()
    while "export of Iteration 1 failed" not in caplog.text:
        await api.get("domains")

    assert (await api.get(f"{path}/{second}/export")).value[0]["status"] == "Exporting"


async def exported(api, project):
    """Train, export, and wait for the end; the iteration and the link."""
    iteration = (await api.trained(project))["id"]
    path = f"projects/{project}/iterations/{iteration}/export"
    await api.post(f"{path}?platform=ONNX")
    while (export := (await api.get(path)).value[0])["status"] == "Exporting":
        pass
    return iteration, export["downloadUri"]


async def test_an_export_outlives_its_iteration_while_links_to_it_are_good(start_api, tmp_path):
    """docs: exported iterations are deleted with the account only."""
    settings = EmulatorSettings(data=tmp_path / "kept", fetch=False, train_in_process=False)
    api = await start_api()
    async with Emulator(settings) as emulator:
        api.emulator = emulator
        project = await ready(api, domainId=COMPACT)
        first, link = await exported(api, project)
        await api.add(project, "new")
        second, _ = await exported(api, project)
        await api.delete(f"projects/{project}/iterations/{first}")
    async with Emulator(settings) as emulator:
        moved = emulator.url + link[link.index("/m-") :]
        async with api.session.get(moved) as response:
            assert response.status == 200
    async with Emulator(dataclasses.replace(settings, link_lifetime=-1.0)):
        files = [path.name for path in (tmp_path / "kept" / "exports").iterdir()]

    assert files == [f"{second.replace('-', '')}.ONNX.zip"]

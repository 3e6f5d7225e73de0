"""Exported models: an ONNX file made from the trained one; anything else says why it cannot be made."""

from __future__ import annotations

import asyncio
import io
import logging
import sqlite3
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cvsync.emulator.background import Background
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.numbers import compact, now
from cvsync.emulator.site import Site
from cvsync.emulator.store import iterations, tags
from cvsync.emulator.store.iterations import Iteration

log = logging.getLogger("cvsync.emulator")
EXPORTING, DONE, FAILED = "Exporting", "Done", "Failed"


@dataclass(frozen=True, slots=True)
class Export:
    pk: int
    iteration: int
    platform: str
    flavor: str | None
    status: str
    created: int

    def file_name(self, iteration: Iteration) -> str:
        flavor = f".{self.flavor}" if self.flavor else ""
        return f"{compact(iteration.id)}.{self.platform}{flavor}.zip"


_SELECT = "SELECT pk, iteration, platform, flavor, status, created FROM exports "


def of_iteration(db: sqlite3.Connection, iteration: Iteration) -> list[Export]:
    rows = db.execute(_SELECT + "WHERE iteration = ? ORDER BY pk", (iteration.pk,))
    return [Export(*row) for row in rows]


class Exporter:
    """Makes exports in the background."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._work = Background()
        self.close = self._work.close
        self._folder = site.settings.data / "exports"
        self._folder.mkdir(exist_ok=True)

    def resume(self) -> None:
        """Go on with the exports that a stop or a kill interrupted."""
        self._sweep()
        db = self._site.store.db
        for export in [Export(*row) for row in db.execute(_SELECT + "WHERE status = ?", (EXPORTING,))]:
            iteration = iterations.by_key(db, export.iteration)
            if iteration is not None:
                self._work.begin(self._make(export, iteration))

    def _sweep(self) -> None:
        """Delete the models of iterations that are gone, once no link to them is good any more.

        docs: exported models outlive their iterations, here as long as somebody can read them.
        """
        known = {compact(iteration_id) for iteration_id in iterations.ids(self._site.store.db)}
        end = time.time() - self._site.settings.link_lifetime
        for path in self._folder.iterdir():
            if path.name.partition(".")[0] not in known and path.stat().st_mtime < end:
                path.unlink(missing_ok=True)

    def start(self, iteration: Iteration, platform: str, flavor: str | None) -> Export:
        """Begin an export. recorded: a second one is refused; inferred: a failed one may be tried again."""
        with self._site.store.writing() as db:
            for export in of_iteration(db, iteration):
                if (export.platform, export.flavor) == (platform, flavor):
                    if export.status != FAILED:
                        raise ServiceFault("BadRequestExportAlreadyInProgress", "")
                    db.execute("DELETE FROM exports WHERE pk = ?", (export.pk,))
            db.execute(
                "INSERT INTO exports(iteration, platform, flavor, status, created) VALUES(?,?,?,?,?)",
                (iteration.pk, platform, flavor, EXPORTING, now()),
            )
            export = of_iteration(db, iteration)[-1]
        self._work.begin(self._make(export, iteration))
        return export

    async def _make(self, export: Export, iteration: Iteration) -> None:
        status, reason, path = DONE, None, self._folder / export.file_name(iteration)
        try:
            if export.platform != "ONNX":
                raise ServiceFault(
                    "BadRequestNotSupported", f"{export.platform} cannot be made on this machine"
                )
            content = await self._site.trainer.onnx(iteration)
            names = {tag.id: tag.name for tag in tags.of_frame(self._site.store.db, iteration.frame)}
            labels = [names.get(tag, tag) for tag in iteration.tag_ids]
            await asyncio.to_thread(_write_zip, path, content, labels, iteration)
        except asyncio.CancelledError:
            raise
        except ServiceFault as fault:
            status, reason = FAILED, fault.message
            log.warning("export of %s failed: %s", iteration.name, reason)
        except Exception as error:
            status, reason = FAILED, f"{type(error).__name__}: {error}"
            log.exception("export of %s failed", iteration.name)
        with self._site.store.writing() as db:
            # Another export may have the `pk` of one whose iteration was deleted meanwhile.
            found = db.execute(
                "UPDATE exports SET status = ?, reason = ? WHERE pk = ?"
                " AND iteration = (SELECT pk FROM iterations WHERE id = ?)",
                (status, reason, export.pk, iteration.id),
            )
        if found.rowcount:
            self._site.hooks.exported(iteration, export.platform, path if status == DONE else None)


_ABOUT = """A model that the cvsync emulator trained.

iteration: {name}
trained at: {trained} (ticks of 100 ns since 1970)
model.onnx takes one picture, float32 N x 3 x H x W, resized to H x W by Pillow's default filter. Its metadata
properties Image.BitmapPixelFormat and Image.NominalPixelRange say the order of the channels and their range.
labels.txt names the tags in the order of the model's outputs.
"""


def _write_zip(path: Path, model: bytes, labels: list[str], iteration: Iteration) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", model)
        archive.writestr("labels.txt", "\n".join(labels) + "\n")
        archive.writestr("README.txt", _ABOUT.format(name=iteration.name, trained=iteration.trained))
    temporary = path.with_suffix(".part")
    temporary.write_bytes(buffer.getvalue())
    temporary.replace(path)

"""Having a model look at many pictures, side by side."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from cvsync import limits
from cvsync.errors import ServiceError, TransportError
from cvsync.events import tell, without_query
from cvsync.flows.models import OUT_OF_REACH, Model, Refusal
from cvsync.flows.pictures import Picture
from cvsync.flows.service import Service
from cvsync.predictions import ImagePrediction
from cvsync.run.in_order import in_order
from cvsync.run.progress import told_every

FAILED_IN_A_ROW = 5  # pictures on which the service fails: then it is the service
STATUS_EVERY = 60.0  # seconds between two words on how far it is


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one picture."""

    picture: Picture
    said: ImagePrediction | None
    refusal: Refusal | None = None
    """Why there is no prediction."""
    drawn: Path | None = None
    """The file in which it is drawn."""


Then = Callable[[Answer, Path], Awaitable[Answer]]
"""Does more with a prediction and the picture's file."""


async def look_at_all(
    service: Service,
    model: Model,
    pictures: Sequence[Picture],
    take: Callable[[Answer], object],
    *,
    then: Then | None = None,
    wanted: Callable[[], bool] = lambda: True,
    status_every: float = STATUS_EVERY,
) -> None:
    """Have a model look at pictures, and hand its answers on in their order.

    A URL that the service cannot download is downloaded here, and its bytes are sent; so is every URL where
    something is to be done with the file. Holds the bytes of ``service.workers`` pictures at most. Tells how
    far it is every so many seconds. Once answers are no longer ``wanted``, it ends at once.

    Raises:
        CvsyncError: No picture would get an answer.
    """
    progress = _Progress(service, len(pictures))

    def taken(answer: Answer) -> None:
        progress.count(answer)
        take(answer)

    def tell_progress() -> None:
        if wanted():
            progress.tell()

    with tempfile.TemporaryDirectory(prefix="cvsync-") as folder:
        look = _Look(service, model, Path(folder), then)
        async with told_every(status_every, tell_progress):
            await in_order(
                pictures, look.at, taken, workers=service.workers, stop=service.stop, wanted=wanted
            )  # fmt: skip


class _Progress:
    """Counts pictures."""

    def __init__(self, service: Service, total: int) -> None:
        self._service, self._total = service, total
        self._done = self._refused = self._failed_in_a_row = 0
        self._began = time.monotonic()

    def count(self, answer: Answer) -> None:
        """Count one whose answer is taken.

        Raises:
            ServiceError: The service has failed on several in a row, or on all that there are.
        """
        self._done += 1
        self._refused += answer.said is None
        error = answer.refusal.error if answer.refusal else None
        self._failed_in_a_row = self._failed_in_a_row + 1 if error else 0
        if error and self._failed_in_a_row == min(FAILED_IN_A_ROW, self._total):
            raise error

    def tell(self) -> None:
        """Tell how far it is."""
        seconds, left = time.monotonic() - self._began, self._total - self._done
        rate = self._done / seconds if seconds > 0 else 0.0
        tell(
            self._service.observer, "status", done=self._done, total=self._total, unchanged=0,
            refused=self._refused, in_flight=min(self._service.workers, left), in_doubt=0,
            seconds=round(seconds, 3), per_second=round(rate, 3),
            eta=round(left / rate, 1) if rate else None,
        )  # fmt: skip


class _Look:
    def __init__(self, service: Service, model: Model, folder: Path, then: Then | None) -> None:
        self._service, self._model, self._folder, self._then = service, model, folder, then
        self._numbers = count()

    async def at(self, picture: Picture) -> Answer:
        """Look at one picture."""
        if picture.file is None and self._then is None:
            found = await self._model.look(picture)
            if not isinstance(found, Refusal) or found.code != OUT_OF_REACH:
                return _answer(picture, found)
        async with self._at_hand(picture) as file:
            if isinstance(file, Refusal):
                return _answer(picture, file)
            answer = _answer(picture, await self._model.look(replace(picture, file=file)))
            return await self._then(answer, file) if self._then and answer.said else answer

    @asynccontextmanager
    async def _at_hand(self, picture: Picture) -> AsyncIterator[Path | Refusal]:
        """Give a picture's file; of a URL one that is gone afterwards."""
        if picture.file is not None:
            yield picture.file
            return
        file = self._folder / str(next(self._numbers))
        refusal = await self._fetch(picture.url or "", file)
        try:
            yield refusal or file
        finally:
            file.unlink(missing_ok=True)

    async def _fetch(self, url: str, file: Path) -> Refusal | None:
        try:
            await self._service.downloader.download(url, file, most=limits.MAX_IMAGE_BYTES)
        except (ServiceError, TransportError) as error:
            if isinstance(error, TransportError):
                said = "no answer"
            else:
                said = error.message if error.status == 200 else f"status {error.status}"
            return Refusal(OUT_OF_REACH, f"it could not be downloaded: {said}")
        return None


def _answer(picture: Picture, found: ImagePrediction | Refusal) -> Answer:
    return Answer(picture, None, found) if isinstance(found, Refusal) else Answer(picture, found)


def tell_refusal(service: Service, answer: Answer) -> None:
    """Tell why there is no answer for a picture."""
    assert answer.refusal is not None
    code, reason = answer.refusal.code, answer.refusal.reason
    tell(service.observer, "item_refused", code=code, reason=reason, image=without_query(answer.picture.name))

"""A model that answers: an iteration by quick test, or what is published under a name."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from cvsync import limits
from cvsync.api.client import Client
from cvsync.api.failures import Failure, classify
from cvsync.errors import MissingKeyError, ServiceError
from cvsync.flows.iterations import choose_iteration
from cvsync.flows.pictures import Picture
from cvsync.flows.project import require_with_type
from cvsync.flows.service import Service
from cvsync.labels import fold
from cvsync.model import Iteration, Project, ProjectType
from cvsync.predictions import ImagePrediction

OUT_OF_REACH = "BadRequestImageUrl"  # the code of a URL that the service cannot download
_WORDS = {
    OUT_OF_REACH: "the service could not download it",
    "BadRequestImageFormat": "not a readable jpg, png, bmp or gif",
    "BadRequestImageSizeBytes": "too many bytes",
    "BadRequestImageDimensions": "a side is too long, or the picture too narrow",
}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """Which model is meant."""

    project: str
    """Name or id."""
    iteration: str | None = None
    """Name or id; None: the one whose training came to an end last."""
    published: str | None = None
    """The name that it is published under: the prediction endpoint answers, with the prediction key."""
    store: bool | None = None
    """Whether the service keeps picture and answer; None: as it does by itself, which is to keep them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer for a picture."""

    code: str
    reason: str
    error: ServiceError | None = None
    """What the service failed with, though the same picture might get an answer later; None: it would not."""


@dataclass(frozen=True, slots=True)
class Model:
    """What looks at pictures."""

    client: Client
    project: Project
    type: ProjectType | None
    """None: it could not be looked up, for want of a training key."""
    iteration: Iteration | None
    """None: what is published under a name."""
    published: str | None
    store: bool | None
    verbs: list[str]
    """What the prediction endpoint may be asked to do; the first that it does is kept."""

    @property
    def title(self) -> str:
        """What people know it by."""
        return self.iteration.name if self.iteration else self.published or ""

    async def look(self, picture: Picture) -> ImagePrediction | Refusal:
        """Ask for one picture.

        Raises:
            ServiceError: No picture would get an answer: key, project, iteration, service.
            TransportError: The service does not answer.
        """
        content: bytes | str | Refusal = picture.url or ""
        if picture.file is not None:
            content = await asyncio.to_thread(self._read, picture.file)
        if isinstance(content, Refusal):
            return content
        try:
            return await self._ask(content)
        except ServiceError as error:
            if _is_of_picture(error):
                return Refusal(error.code, _words(error))
            if classify(error) is Failure.TRANSIENT:
                return Refusal(error.code, _words(error), error)
            raise

    async def tags(self, iteration_id: str | None) -> frozenset[str]:
        """Give the names of the tags that an iteration knows, folded."""
        return frozenset(
            fold(tag.name) for tag in await self.client.get_tags(self.project.id, iteration_id=iteration_id)
        )

    def _read(self, file: Path) -> bytes | Refusal:
        most = limits.MAX_IMAGE_BYTES if self.iteration else limits.MAX_PREDICTION_IMAGE_BYTES
        try:
            size = file.stat().st_size
            if size > most:
                return Refusal("E110", f"{size:,} bytes; this takes {most:,} at most")
            return file.read_bytes()
        except OSError as error:
            return Refusal("E111", f"cannot be read: {error.strerror}")

    async def _ask(self, picture: bytes | str) -> ImagePrediction:
        if self.iteration is None:
            return await self._ask_published(picture)
        quick_test = getattr(self.client, f"quick_test_image{_place(picture)}")
        answer: ImagePrediction = await quick_test(
            self.project.id, picture, iteration_id=self.iteration.id, store=self.store
        )
        return answer

    async def _ask_published(self, picture: bytes | str) -> ImagePrediction:
        first, *others = self.verbs
        try:
            answer = await self._ask_to(first, picture)
        except ServiceError as error:
            if not others or error.status not in (400, 404) or _is_of_picture(error):
                raise
            try:
                answer = await self._ask_to(others[0], picture)
            except ServiceError:
                raise error from None  # both say no: it is not the verb
            self.verbs[:] = others
        else:
            self.verbs[:] = [first]
        return answer

    async def _ask_to(self, verb: str, picture: bytes | str) -> ImagePrediction:
        kept = "_with_no_store" if self.store is False else ""
        predict = getattr(self.client, f"{verb}_image{_place(picture)}{kept}")
        answer: ImagePrediction = await predict(self.project.id, self.published, picture)
        return answer


def _place(picture: bytes | str) -> str:
    return "_url" if isinstance(picture, str) else ""


async def choose_model(service: Service, choice: ModelChoice) -> Model:
    """Find a model.

    Raises:
        MissingProjectError: There is no such project.
        SettingsError: Several projects or iterations have that name, or there is no training key to look it
            up with; what is published needs none where the project is given by its id.
    """
    client = service.client
    try:
        project, type_ = await require_with_type(service, choice.project)
    except MissingKeyError as error:
        if not _ID.fullmatch(choice.project):
            raise MissingKeyError(
                f"without a training key give the project by its id, not as {choice.project!r}"
            ) from error
        project = Project(choice.project.lower(), choice.project)
        return Model(client, project, None, None, choice.published, choice.store, ["classify", "detect"])
    iteration = None
    if choice.published is None:
        iteration = await choose_iteration(client, project.id, choice.iteration)
    verb = "detect" if type_ is ProjectType.DETECTION else "classify"
    return Model(client, project, type_, iteration, choice.published, choice.store, [verb])


def _is_of_picture(error: ServiceError) -> bool:
    return error.code.startswith("BadRequestImage") or error.status == 413


def _words(error: ServiceError) -> str:
    return _WORDS.get(error.code) or error.message or f"the service answered {error.status}"

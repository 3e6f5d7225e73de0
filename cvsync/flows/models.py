"""A model that answers: an iteration by quick test, or what is published under a name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cvsync import limits
from cvsync.api.client import Client
from cvsync.api.failures import Failure, classify
from cvsync.api.listing import project_type
from cvsync.errors import ServiceError
from cvsync.flows.iterations import choose_iteration
from cvsync.flows.pictures import Picture
from cvsync.flows.service import Service
from cvsync.flows.status import require_project
from cvsync.labels import fold
from cvsync.model import Iteration, Project, ProjectType
from cvsync.predictions import ImagePrediction


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
    type: ProjectType
    iteration: Iteration | None
    """None: what is published under a name."""
    published: str | None
    store: bool | None

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
        content: bytes | None = None
        if picture.file is not None:
            refusal = self._unusable(picture)
            if refusal is not None:
                return refusal
            content = await asyncio.to_thread(picture.file.read_bytes)
        try:
            return await self._ask(content if content is not None else picture.url or "")
        except ServiceError as error:
            if error.code.startswith("BadRequestImage") or error.status == 413:
                return Refusal(error.code, _words(error))
            if classify(error) is Failure.TRANSIENT:
                return Refusal(error.code, _words(error), error)
            raise

    async def tags(self, iteration_id: str | None) -> frozenset[str]:
        """Give the names of the tags that an iteration knows, folded."""
        return frozenset(
            fold(tag.name) for tag in await self.client.get_tags(self.project.id, iteration_id=iteration_id)
        )

    def _unusable(self, picture: Picture) -> Refusal | None:
        assert picture.file is not None
        most = limits.MAX_IMAGE_BYTES if self.iteration else limits.MAX_PREDICTION_IMAGE_BYTES
        try:
            size = picture.file.stat().st_size
        except OSError as error:
            return Refusal("E111", f"cannot be read: {error.strerror}")
        return Refusal("E110", f"{size:,} bytes; this takes {most:,} at most") if size > most else None

    async def _ask(self, picture: bytes | str) -> ImagePrediction:
        place = "_url" if isinstance(picture, str) else ""
        if self.iteration is not None:
            quick_test = getattr(self.client, f"quick_test_image{place}")
            asked = quick_test(self.project.id, picture, iteration_id=self.iteration.id, store=self.store)
        else:
            verb = "detect" if self.type is ProjectType.DETECTION else "classify"
            kept = "_with_no_store" if self.store is False else ""
            predict = getattr(self.client, f"{verb}_image{place}{kept}")
            asked = predict(self.project.id, self.published, picture)
        answer: ImagePrediction = await asked
        return answer


async def choose_model(service: Service, choice: ModelChoice) -> Model:
    """Find a model.

    Raises:
        MissingProjectError: There is no such project.
        SettingsError: Several projects or iterations have that name.
    """
    client = service.client
    project = await require_project(service, choice.project)
    iteration = None
    if choice.published is None:
        iteration = await choose_iteration(client, project.id, choice.iteration)
    type_ = await project_type(client, project)
    return Model(client, project, type_, iteration, choice.published, choice.store)


OUT_OF_REACH = "BadRequestImageUrl"  # the code of a URL that the service cannot download
_WORDS = {
    OUT_OF_REACH: "the service could not download it",
    "BadRequestImageFormat": "not a readable jpg, png, bmp or gif",
    "BadRequestImageSizeBytes": "too many bytes",
    "BadRequestImageDimensions": "a side is too long, or the picture too narrow",
}


def _words(error: ServiceError) -> str:
    return _WORDS.get(error.code) or error.message or f"the service answered {error.status}"

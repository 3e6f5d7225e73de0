"""Having a model look at pictures. `cvsync test`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cvsync.events import tell
from cvsync.flows.models import Model, ModelChoice, Refusal, choose_model
from cvsync.flows.pictures import Picture
from cvsync.flows.service import Service
from cvsync.predictions import ImagePrediction, Prediction
from cvsync.run.in_order import in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which predictions of a picture count."""

    threshold: float = 0.0
    """Less probable ones do not."""
    top: int | None = None
    """So many at most, the most probable ones; None: all."""

    def of(self, said: ImagePrediction) -> tuple[Prediction, ...]:
        """Give them by falling probability; a detector's come in no order from the service."""
        falling = sorted(said.predictions, key=lambda one: -one.probability)
        return tuple(one for one in falling if one.probability >= self.threshold)[: self.top]


@dataclass(frozen=True, kw_only=True)
class PredictRequest:
    """What is to be looked at, by which model."""

    model: ModelChoice
    pictures: tuple[Picture, ...]
    told: Shown = Shown()
    """What events tell."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one picture."""

    picture: Picture
    said: ImagePrediction | None
    refusal: Refusal | None = None
    """Why there is no prediction."""


async def predict(service: Service, request: PredictRequest, take: Callable[[Answer], object]) -> int:
    """Look at pictures side by side; the answers are told and handed on in the order of the pictures.

    Returns:
        How many pictures got no answer.

    Raises:
        CvsyncError: No picture can get one.
    """
    model = await choose_model(service, request.model)
    refused = 0

    def taken(answer: Answer) -> None:
        nonlocal refused
        refused += answer.said is None
        tell_answer(service, model, answer, request.told)
        take(answer)

    await look_at_all(service, model, request.pictures, taken)
    return refused


async def look_at_all(
    service: Service, model: Model, pictures: Iterable[Picture], take: Callable[[Answer], object]
) -> None:
    """Have a model look at pictures, and hand its answers on in their order.

    Holds the bytes of ``service.workers`` pictures at most.
    """

    async def look(picture: Picture) -> Answer:
        found = await model.look(picture)
        return Answer(picture, None, found) if isinstance(found, Refusal) else Answer(picture, found)

    await in_order(pictures, look, take, workers=service.workers, stop=service.stop)


def tell_answer(service: Service, model: Model, answer: Answer, shown: Shown) -> None:
    """Tell what a model says of one picture, or why it says nothing."""
    if answer.said is None:
        tell_refusal(service, answer)
        return
    tell(
        service.observer, "prediction", image=answer.picture.name, model=model.title,
        iteration=answer.said.iteration, predictions=[_facts(one) for one in shown.of(answer.said)],
    )  # fmt: skip


def tell_refusal(service: Service, answer: Answer) -> None:
    """Tell why there is no answer for a picture."""
    assert answer.refusal is not None
    code, reason = answer.refusal.code, answer.refusal.reason
    tell(service.observer, "item_refused", code=code, reason=reason, image=answer.picture.name)


def _facts(one: Prediction) -> dict[str, Any]:
    box = one.bounding_box
    return {
        "tag": one.tag_name,
        "tag_id": one.tag_id,
        "probability": one.probability,
        "box": [box.left, box.top, box.width, box.height] if box else None,
    }

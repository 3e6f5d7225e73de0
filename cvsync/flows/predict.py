"""Having a model look at pictures. `cvsync test`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cvsync.drawing import DrawError, Drawing, Mark, encode
from cvsync.events import tell
from cvsync.flows.looking import Answer, look_at_all, tell_refusal
from cvsync.flows.models import Model, ModelChoice, choose_model
from cvsync.flows.pictures import Picture
from cvsync.flows.results import plan_results, write_result
from cvsync.flows.service import Service
from cvsync.predictions import ImagePrediction, Prediction

_LEAST_BOX = 0.5  # a detector names hundreds of places that are improbable
_MOST_TAGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which predictions of a picture count."""

    threshold: float | None = None
    """Less probable ones do not. None: programs get all, people boxes from 0.5 on and all tags."""
    top: int | None = None
    """So many at most, the most probable ones. None: programs get all, people all boxes and five tags."""

    def for_programs(self, said: ImagePrediction) -> tuple[Prediction, ...]:
        """Give them by falling probability; a detector's come in no order from the service."""
        falling = sorted(said.predictions, key=lambda one: -one.probability)
        return tuple(one for one in falling if one.probability >= (self.threshold or 0.0))[: self.top]

    def for_people(self, said: ImagePrediction) -> tuple[Prediction, ...]:
        """Give those that are worth a look, where nobody said which."""
        has_boxes = any(one.bounding_box for one in said.predictions)
        threshold, top = (_LEAST_BOX, None) if has_boxes else (0.0, _MOST_TAGS)
        return Shown(
            threshold=threshold if self.threshold is None else self.threshold,
            top=top if self.top is None else self.top,
        ).for_programs(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawTo:
    """Where pictures with what was seen in them go."""

    folder: Path
    overwrite: bool = False
    font: Path | None = None
    """A font file for the tags; None: one of this machine's that has their letters."""


@dataclass(frozen=True, kw_only=True)
class PredictRequest:
    """What is to be looked at, by which model."""

    model: ModelChoice
    pictures: tuple[Picture, ...]
    shown: Shown = Shown()
    draw: DrawTo | None = None
    """None: nothing is drawn."""
    wanted: Callable[[], bool] = lambda: True
    """Whether anybody still wants answers; it is asked before each picture."""


async def predict(service: Service, request: PredictRequest, take: Callable[[Answer], object]) -> int:
    """Look at pictures side by side; the answers are told and handed on in the order of the pictures.

    Returns:
        How many pictures got no answer, or could not be drawn.

    Raises:
        SettingsError: A result would lie where something else lies.
        CvsyncError: No picture can get an answer.
    """
    results = _Results(service, request.draw, request.pictures, request.shown) if request.draw else None
    model = await choose_model(service, request.model)
    if results is not None and model.type is not None:
        results.drawing.distinguish(await model.tags(model.iteration.id if model.iteration else None))
    refused = 0

    def taken(answer: Answer) -> None:
        nonlocal refused
        refused += answer.said is None or (results is not None and answer.drawn is None)
        _tell(service, model, answer, request.shown)
        take(answer)

    draw = results.draw if results else None
    await look_at_all(service, model, request.pictures, taken, then=draw, wanted=request.wanted)
    if results is not None:
        results.tell_unwritable()
    return refused


class _Results:
    """Draws what was seen."""

    def __init__(self, service: Service, to: DrawTo, pictures: Sequence[Picture], shown: Shown) -> None:
        self._service, self._to, self._shown = service, to, shown
        self.drawing = Drawing(to.font)
        files = plan_results(to.folder, pictures, overwrite=to.overwrite)
        self._files = {id(picture): file for picture, file in zip(pictures, files, strict=True)}

    async def draw(self, answer: Answer, file: Path) -> Answer:
        """Draw one picture; what cannot be drawn is told, and the answer stands."""
        result = self._files[id(answer.picture)]
        assert answer.said is not None
        marks = [_mark(one) for one in self._shown.for_people(answer.said)]
        try:
            await asyncio.to_thread(self._write, file, marks, result)
        except (DrawError, OSError) as error:
            reason = (error.strerror or "") if isinstance(error, OSError) else str(error)
            text = f"{answer.picture.name} is not drawn as {result}: {reason}"
            tell(self._service.observer, "warning", text=text)
            return answer
        return replace(answer, drawn=result)

    def _write(self, file: Path, marks: Sequence[Mark], result: Path) -> None:
        content = encode(self.drawing.draw(file.read_bytes(), marks), result.suffix)
        write_result(result, content, overwrite=self._to.overwrite)

    def tell_unwritable(self) -> None:
        """Tell which tags the pictures show as numbers."""
        for tag, number in self.drawing.unwritable.items():
            text = f"no font here has the letters of {tag!r}: pictures say {number}; --font FILE names one"
            tell(self._service.observer, "warning", text=text)


def _mark(one: Prediction) -> Mark:
    box = one.bounding_box
    place = (box.left, box.top, box.width, box.height) if box else None
    return Mark(one.tag_name or one.tag_id, f"{one.probability:.0%}", place)


def _tell(service: Service, model: Model, answer: Answer, shown: Shown) -> None:
    """Tell what a model says of one picture, or why it says nothing."""
    if answer.said is None:
        tell_refusal(service, answer)
        return
    tell(
        service.observer, "prediction", image=answer.picture.name, model=model.title,
        iteration=answer.said.iteration, drawn=str(answer.drawn) if answer.drawn else None,
        predictions=[_facts(one) for one in shown.for_programs(answer.said)],
    )  # fmt: skip


def _facts(one: Prediction) -> dict[str, Any]:
    box = one.bounding_box
    return {
        "tag": one.tag_name,
        "tag_id": one.tag_id,
        "probability": one.probability,
        "box": [box.left, box.top, box.width, box.height] if box else None,
    }

"""A labelled manifest through a model: how well it does, in our own figures. `cvsync evaluate`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from cvsync.errors import ManifestError, SettingsError
from cvsync.events import tell, without_query
from cvsync.flows.desired import Desired, want
from cvsync.flows.heard import Heard
from cvsync.flows.looking import Answer, look_at_all, tell_refusal
from cvsync.flows.manifests import read_manifest
from cvsync.flows.models import Model, ModelChoice, choose_model
from cvsync.flows.pictures import Picture
from cvsync.flows.service import Service
from cvsync.flows.status import read_known
from cvsync.flows.telling import tell_problems
from cvsync.labels import fold
from cvsync.manifest import Name, Reading, shown
from cvsync.model import ProjectType
from cvsync.plan.fit import infer_type
from cvsync.scores import OVERLAP, THRESHOLD, Ints, Said, Score, Truth, match, score

Four = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """Which labels a model is held against, and how."""

    manifests: tuple[Name, ...]
    model: ModelChoice
    reading: Reading = field(default_factory=Reading)
    threshold: float = THRESHOLD
    """Less probable predictions do not count, but for average precision they do."""
    overlap: float = OVERLAP
    """Intersection over union from which on a box is found."""
    strict: bool = False
    """Ask for nothing if one row is bad."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A label that was missed, or a prediction that no label says."""

    image: str
    kind: str
    """``missed`` or ``wrong``."""
    tag: str
    probability: float | None
    """Of the prediction; of a missed label's, which was too improbable; None: there was none."""
    box: Four | None
    """Left, top, width, height; None: of the whole image."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model did."""

    model: str
    """The iteration's name, or the name that it is published under."""
    iteration: str | None
    """The id of the iteration that answered."""
    type: ProjectType
    threshold: float
    overlap: float | None
    """None: there are no boxes."""
    images: int
    """That were judged."""
    refused: int
    """Images that were not: bad rows, no answer."""
    tags: dict[str, Score]
    """Of each tag that has a label or a prediction."""
    unknown: tuple[str, ...]
    """Tags of the manifest that the model does not know: all their labels are missed. None without a training
    key, which the look into the model's tags needs."""
    overall: Score
    mistakes: tuple[Mistake, ...]
    """Image by image, in the order of the manifest."""


async def evaluate(service: Service, request: EvaluateRequest) -> Evaluation | None:
    """Have a model look at the images of a manifest, and compare what it says with their labels.

    Holds the labels, and about 60 bytes a prediction.

    Returns:
        None: the run was asked to stop before all images were judged.

    Raises:
        ManifestError: The manifest cannot be used, names no image, or has a bad row under ``strict``.
        SettingsError: The labels are of boxes and the published model is a classifier, or otherwise.
        CvsyncError: No image can get an answer.
    """
    manifest = await read_manifest(service, request.manifests, request.reading)
    model = await choose_model(service, request.model)
    type_ = model.type or infer_type(manifest.labels, manifest.refused)
    desired = want(manifest, type_)
    pictures = _take_good(service, request, desired)
    _warn_of_learnt(service, model, pictures)
    heard = Heard(desired.labels)

    def take(answer: Answer) -> None:
        if answer.said is None:
            tell_refusal(service, answer)
        else:
            heard.put(answer.picture.name, answer.said)

    await look_at_all(service, model, pictures, take)
    if service.stop.requested:
        return None
    if model.type is None:
        _check_guess(model, type_, heard)
    bad = len(desired.bad_keys | set(desired.labels.keys.to_pylist())) - len(pictures)
    found = await _judge(model, type_, request, heard, refused=bad + len(pictures) - heard.count)
    _tell(service, found)
    return found


def _take_good(service: Service, request: EvaluateRequest, desired: Desired) -> list[Picture]:
    """Give the images to look at, and tell of the rows that are bad."""
    names = ", ".join(map(shown, request.manifests))
    if request.strict and desired.problems:
        raise ManifestError(names, [*map(str, desired.problems), "nothing was asked (--strict)"])
    tell_problems(service.observer, desired.problems)
    pictures = list(_pictures(desired))
    if not pictures:
        raise ManifestError(names, ["it names no image whose labels are all good"])
    return pictures


def _check_guess(model: Model, type_: ProjectType, heard: Heard) -> None:
    """Refuse to compare boxes with whole images: without a training key the type was guessed from labels."""
    is_detector = type_ is ProjectType.DETECTION
    if heard.has_boxes is not None and heard.has_boxes != is_detector:
        kinds = ("a classifier", "labels of boxes") if is_detector else ("a detector", "labels without boxes")
        raise SettingsError("{} is {}, and the manifest has {}".format(model.title, *kinds))


def _warn_of_learnt(service: Service, model: Model, pictures: Sequence[Picture]) -> None:
    """Say so where images are in the project: figures are too good for what a model learnt from."""
    known = set(read_known(service, model.project).table.column("key").to_pylist())
    count = sum(picture.name in known for picture in pictures)
    if count:
        text = f"{count:,} of these images are in the project: the model may have learnt from them"
        tell(service.observer, "warning", text=text)


def _pictures(desired: Desired) -> Iterator[Picture]:
    """Give the images of which all labels are good, in the order of their keys."""
    rows = desired.labels.first_rows
    for row in rows.select(["key", "url", "path", "source"]).to_pylist():
        if row["key"] in desired.bad_keys:
            continue
        file = None if row["url"] else Path(row["source"] or "").parent / row["path"]
        yield Picture(row["key"], file, row["url"])


async def _judge(
    model: Model, type_: ProjectType, request: EvaluateRequest, heard: Heard, *, refused: int
) -> Evaluation:
    has_boxes = type_ is ProjectType.DETECTION
    truth, said = heard.truth(has_boxes=has_boxes), heard.said(has_boxes=has_boxes)
    found = await asyncio.to_thread(match, truth, said, overlap=request.overlap)
    scores, overall = score(truth, said, found, tags=len(heard.tags), threshold=request.threshold)
    used = [n for n, one in enumerate(scores) if one.labels or one.predictions]
    known = await model.tags(heard.iteration) if model.type else {*map(fold, heard.tags)}
    return Evaluation(
        model=model.title,
        iteration=heard.iteration,
        type=type_,
        threshold=request.threshold,
        overlap=request.overlap if has_boxes else None,
        images=heard.count,
        refused=refused,
        tags={heard.tags[n]: scores[n] for n in sorted(used, key=lambda n: fold(heard.tags[n]))},
        unknown=tuple(heard.tags[n] for n in used if scores[n].labels and fold(heard.tags[n]) not in known),
        overall=overall,
        mistakes=tuple(_mistakes(heard, truth, said, found, request.threshold)),
    )


def _mistakes(heard: Heard, truth: Truth, said: Said, found: Ints, threshold: float) -> Iterator[Mistake]:
    keys = heard.labels.keys
    counted = said.probability >= threshold
    hit = np.zeros(len(truth.image), bool)
    hit[found[counted & (found >= 0)]] = True
    weak = {int(found[n]): float(said.probability[n]) for n in np.flatnonzero(~counted & (found >= 0))}
    listed: list[tuple[int, Mistake]] = []
    for n in np.flatnonzero(~hit).tolist():
        image = int(truth.image[n])
        tag, box = heard.tags[truth.tag[n]], _four(truth.box, n)
        listed.append((image, Mistake(_shown(keys, image), "missed", tag, weak.get(n), box)))
    for n in np.flatnonzero(counted & (found < 0)).tolist():
        image = int(said.image[n])
        tag, box = heard.tags[said.tag[n]], _four(said.box, n)
        listed.append((image, Mistake(_shown(keys, image), "wrong", tag, float(said.probability[n]), box)))
    return (mistake for _, mistake in sorted(listed, key=lambda pair: pair[0]))


def _shown(keys: pa.Array, image: int) -> str:
    return without_query(keys[image].as_py())


def _four(box: np.ndarray | None, row: int) -> Four | None:
    return None if box is None else tuple(box[row].tolist())


def _tell(service: Service, found: Evaluation) -> None:
    for mistake in found.mistakes:
        tell(
            service.observer, "mistake", image=mistake.image, kind=mistake.kind, tag=mistake.tag,
            probability=mistake.probability, box=mistake.box,
        )  # fmt: skip
    for tag, one in found.tags.items():
        tell(service.observer, "tag_score", tag=tag, known=tag not in found.unknown, **_facts(one))
    tell(
        service.observer, "evaluated", model=found.model, iteration=found.iteration, type=str(found.type),
        threshold=found.threshold, overlap=found.overlap, images=found.images, refused=found.refused,
        mistakes=len(found.mistakes), **_facts(found.overall),
    )  # fmt: skip


def _facts(one: Score) -> dict[str, object]:
    return {
        "labels": one.labels, "predictions": one.predictions, "hits": one.hits, "precision": one.precision,
        "recall": one.recall, "average_precision": one.average_precision,
    }  # fmt: skip

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cvsync.emulator import learn
from cvsync.emulator.learn.features import read_pixels
from cvsync.emulator.learn.variants import variants


def picture(seed: int, tag: int, box: learn.Box) -> bytes:
    """A square or a disc, of any colour, on noise."""
    chance = np.random.default_rng(seed)
    image = Image.fromarray(chance.integers(120, 180, (96, 96, 3), dtype=np.uint8))
    place = [96 * v for v in (box.left, box.top, box.left + box.width, box.top + box.height)]
    pen = ImageDraw.Draw(image)
    ink = tuple(int(v) for v in chance.integers(0, 60, 3))
    (pen.rectangle if tag == 0 else pen.ellipse)(place, fill=ink)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def examples(count: int, *, boxed: bool, tags: int = 1) -> list[learn.Example]:
    chance = np.random.default_rng(5)
    made = []
    for n in range(count):
        box = learn.Box(*chance.uniform(0.05, 0.4, 2), *chance.uniform(0.35, 0.5, 2))
        content = picture(n, n % 2, box)
        made.append(
            learn.Example(
                lambda content=content: content,
                () if boxed else (n % 2, *([2] if tags > 1 else [])),
                ((n % 2, box),) if boxed else (),
            )
        )
    return made


def run_onnx(model: learn.Model, content: bytes) -> list[np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model.to_onnx())
    properties = session.get_modelmeta().custom_metadata_map
    assert properties["Image.BitmapPixelFormat"] == "Bgr8"
    assert properties["Image.NominalPixelRange"] == "NominalRange_0_255"
    return session.run(None, {session.get_inputs()[0].name: read_pixels(content)[None]})


@pytest.mark.parametrize(("kind", "tags"), [(learn.Kind.MULTICLASS, 2), (learn.Kind.MULTILABEL, 3)])
def test_classifier_learns_and_its_onnx_says_the_same(kind: learn.Kind, tags: int) -> None:
    made = examples(24, boxed=False, tags=tags - 1)

    trained = learn.fit(kind, tags, made, seed=1)

    content = made[0].read()
    said = [c.probability for c in trained.model.predict(content)]
    assert np.abs(run_onnx(trained.model, content)[0][0] - said).max() < 1e-4
    judged = learn.performance(
        kind,
        tags,
        [made[n] for n in trained.held_out],
        trained.candidates,
        threshold=0.5,
        overlap_threshold=0.3,
    )
    assert judged.overall.average_precision > 0.8


def test_detector_learns_and_its_onnx_says_the_same() -> None:
    made = examples(30, boxed=True)

    trained = learn.fit(learn.Kind.DETECTION, 2, made, seed=1)

    content = made[0].read()
    said = trained.model.predict(content)
    boxes, classes, scores = run_onnx(trained.model, content)
    assert classes[0].tolist() == [c.tag for c in said]
    assert np.abs(scores[0] - [c.probability for c in said]).max() < 1e-4
    corners = [(b.left, b.top, b.left + b.width, b.top + b.height) for c in said if (b := c.box)]
    assert np.abs(boxes[0] - corners).max() < 1e-4
    judged = learn.performance(
        learn.Kind.DETECTION, 2, [made[n] for n in trained.held_out], trained.candidates,
        threshold=0.5, overlap_threshold=0.3,
    )  # fmt: skip
    assert judged.overall.average_precision > 0.5


def test_fit_is_the_same_for_a_seed_and_survives_storage() -> None:
    made = examples(10, boxed=False)

    first, second = (learn.fit(learn.Kind.MULTICLASS, 2, made, seed=3) for _ in range(2))

    assert first.model.to_bytes() == second.model.to_bytes()
    kept = learn.Model.from_bytes(first.model.to_bytes())
    assert kept.predict(made[0].read()) == first.model.predict(made[0].read())


@pytest.mark.parametrize("kind", list(learn.Kind))
def test_pictures_that_are_all_alike_do_not_stop_a_training(kind: learn.Kind) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), (9, 9, 9)).save(buffer, "PNG")
    boxes = ((0, learn.Box(0, 0, 1, 1)),) if kind is learn.Kind.DETECTION else ()
    made = [learn.Example(buffer.getvalue, () if boxes else (n % 2,), boxes) for n in range(10)]

    trained = learn.fit(kind, 2, made, seed=0)

    assert all(0 <= c.probability <= 1 for c in trained.model.predict(buffer.getvalue()))


def test_figures_are_those_worked_out_by_hand() -> None:
    example = learn.Example(bytes, (), ((0, learn.Box(0, 0, 0.5, 0.5)), (0, learn.Box(0.5, 0.5, 0.5, 0.5))))
    said = [
        learn.Candidate(0, 0.9, learn.Box(0, 0, 0.5, 0.5)),
        learn.Candidate(0, 0.8, learn.Box(0, 0, 0.5, 0.5)),  # the same again: a false alarm
        learn.Candidate(0, 0.4, learn.Box(0.5, 0.5, 0.5, 0.5)),
    ]

    judged = learn.performance(
        learn.Kind.DETECTION, 1, [example], [said], threshold=0.5, overlap_threshold=0.5
    )

    (score,) = judged.tags
    assert (score.precision, score.recall) == (0.5, 0.5)
    assert score.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_variants_carry_their_boxes_along() -> None:
    pixels = np.zeros((3, 20, 20), np.float32)
    box = learn.Box(0.1, 0.05, 0.3, 0.6)
    pixels[:, 1:13, 2:8] = 9

    found = list(variants([(pixels, [(7, box)])]))

    assert len(found) == 4
    for turned, ((tag, place),) in found:
        left, top, width, height = (round(20 * side) for side in place)
        assert tag == 7
        assert (turned[:, top : top + height, left : left + width] == 9).all()
        assert turned.sum() == pixels.sum()
    assert len({turned.tobytes() for turned, _ in found}) == 4

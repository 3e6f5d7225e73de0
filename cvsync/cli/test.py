"""`cvsync test`: have a model look at pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.model_options import model_options, take_model
from cvsync.cli.number import Number
from cvsync.cli.one_line import one_line
from cvsync.cli.streams import has_reader
from cvsync.cli.writable import WritableFolder

if TYPE_CHECKING:
    from cvsync.flows.looking import Answer
    from cvsync.flows.predict import Shown
    from cvsync.flows.service import Service


@click.command()
@click.argument("pictures", metavar="IMAGE|URL|FOLDER…", nargs=-1, required=True)
@click.option(
    "--threshold", type=Number(0, 1), metavar="P",
    help="Leave out what is less probable.  [default: 0.5 for boxes]",
)  # fmt: skip
@click.option(
    "--top", type=click.IntRange(1), metavar="N",
    help="Only the N most probable of each picture.  [default: 5 of whole images]",
)  # fmt: skip
@click.option(
    "--store/--no-store", default=None,
    help="Have the service keep picture and answer, or not.  [default: as the service does: it keeps them]",
)  # fmt: skip
@click.option(
    "-o", "--output", type=WritableFolder(), metavar="FOLDER",
    help="Draw what was seen into copies of the pictures.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="With -o: replace files that are there already.")
@click.option(
    "--font", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="With -o: write tags in this font.  [default: one that has their letters]",
)  # fmt: skip
@model_options
@common_options
def test(pictures: tuple[str, ...], **options: Any) -> int:
    """Have a model look at pictures, and say what it sees.

    Asks by quick test, with the training key; with --published the prediction endpoint, with the key in
    CVSYNC_PREDICTION_KEY. The defaults of --threshold and --top are for people: --json tells everything.

    \b
    Example:
      cvsync test photo.jpg https://pictures.example/fork.jpg -p shelf
      cvsync test photos/ -p shelf --published production --threshold 0.8 -o seen/
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_lines
    from cvsync.flows.pictures import find_pictures
    from cvsync.flows.predict import DrawTo, PredictRequest, Shown, predict

    common, options = split_common(options)
    folder: Path | None = options["output"]
    if folder is None and (options["overwrite"] or options["font"]):
        raise click.UsageError("--overwrite and --font are for pictures: say where they go with -o FOLDER")
    shown = Shown(threshold=options["threshold"], top=options["top"])
    request = PredictRequest(
        model=take_model(common, options), pictures=tuple(find_pictures(pictures)), shown=shown,
    )  # fmt: skip
    if folder is None:
        request = replace(request, wanted=has_reader)
    else:
        draw = DrawTo(folder=folder, overwrite=options["overwrite"], font=options["font"])
        request = replace(request, draw=draw)

    async def run(service: Service, _: object) -> int:
        def show(answer: Answer) -> None:
            if not common.json:
                show_lines(answer_lines(answer, shown))

        refused = await predict(service, request, show)
        return exits.REFUSED if refused else exits.OK

    keys = replace(common.keys, is_training_needed=request.model.published is None)
    return execute(common, run, command="test", keys=keys)


def answer_lines(answer: Answer, shown: Shown) -> Iterator[str]:
    """Say what was seen in a picture, the most probable first."""
    if answer.said is None:
        return  # it is told as refused
    yield answer.picture.name + (f" -> {answer.drawn}" if answer.drawn else "")
    seen = shown.for_people(answer.said)
    names = [one_line(one.tag_name or one.tag_id) for one in seen]
    width = max(map(len, names), default=0)
    for one, name in zip(seen, names, strict=True):
        box = one.bounding_box
        place = f"  at {box.left:.3f} {box.top:.3f}, {box.width:.3f} x {box.height:.3f}" if box else ""
        yield f"  {name:<{width}}  {one.probability:6.1%}{place}"
    if not seen:
        yield "  nothing"

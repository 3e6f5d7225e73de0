"""`cvsync train`, `cvsync publish`, `cvsync unpublish` and `cvsync export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import Common, common_options, split_common
from cvsync.cli.release_options import (
    end_options,
    export_dir_option,
    gate_options,
    iteration_option,
    read_targets,
    resource_option,
    take_ends,
    take_gate,
    take_publication,
    take_training,
    training_options,
)
from cvsync.cli.writable import require_folder

if TYPE_CHECKING:
    from cvsync.flows.release import ReleaseRequest
    from cvsync.flows.service import Service


@click.command()
@click.option("--force", is_flag=True, help="Train even if nothing changed since the last training.")
@training_options
@end_options
@common_options
def train(**options: Any) -> int:
    """Train a project if anything changed since the last training, and wait for the end.

    Killed and started again, it finds its training again.

    \b
    Example:
      cvsync train -p shelf --keep-iterations 5
      cvsync train -p shelf --min-precision 0.8 --min-recall fork=0.7 --publish production
      cvsync train -p shelf --training-type advanced --hours 2 --export onnx
    """
    from cvsync.flows.release import ReleaseRequest

    common, options = split_common(options)
    request = ReleaseRequest(train=take_training(options), **take_ends(common, options))
    return _release(common, request, command="train")


@click.command()
@click.argument("name")
@iteration_option
@resource_option
@gate_options
@common_options
def publish(name: str, iteration: str | None, prediction_resource_id: str | None, **options: Any) -> int:
    """Have the prediction endpoint answer under NAME with a trained model.

    The name is taken from the model that has it. In one call from API version v3.3 on; before, it answers
    nothing for the time of one call.

    \b
    Example:
      cvsync publish production -p shelf
      cvsync publish production -p shelf --iteration "Iteration 4"
    """
    from cvsync.flows.release import ReleaseRequest

    common, options = split_common(options)
    publication = take_publication(common, name, prediction_resource_id)
    request = ReleaseRequest(iteration=iteration, publish=publication, gate=take_gate(options))
    return _release(common, request, command="publish")


@click.command()
@click.argument("name", metavar="NAME|ITERATION")
@common_options
def unpublish(name: str, **options: Any) -> int:
    """Have the prediction endpoint no longer answer under a name.

    \b
    Example:
      cvsync unpublish production -p shelf
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_done
    from cvsync.flows.release import unpublish_iteration

    common, _ = split_common(options)
    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        iteration = await unpublish_iteration(service, project, name)
        what = f"{iteration.name} is published no more as {iteration.publish_name}"
        return show_done(common, exits.OK, [what])

    return execute(common, run, command="unpublish")


@click.command()
@click.argument("platforms", metavar="PLATFORM[:FLAVOR]…", nargs=-1, required=True)
@iteration_option
@export_dir_option
@gate_options
@common_options
def export(platforms: tuple[str, ...], iteration: str | None, export_dir: Path, **options: Any) -> int:
    """Export a trained model and download it, checked, with its SHA-256 beside it.

    \b
    Example:
      cvsync export onnx tensorflow:TensorFlowLite -p shelf
      cvsync export coreml -p shelf --iteration "Iteration 4" --export-dir models
    """
    from cvsync.flows.release import ReleaseRequest

    require_folder("--export-dir", export_dir)
    common, options = split_common(options)
    request = ReleaseRequest(
        iteration=iteration, exports=read_targets(platforms), export_folder=export_dir,
        gate=take_gate(options),
    )  # fmt: skip
    return _release(common, request, command="export")


def _release(common: Common, request: ReleaseRequest, *, command: str) -> int:
    from cvsync.cli import exits
    from cvsync.cli.release_text import released_lines
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_done
    from cvsync.flows.release import release_project

    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        released = await release_project(service, project, request)
        return show_done(common, exits.OK, released_lines(released))

    return execute(common, run, command=command)

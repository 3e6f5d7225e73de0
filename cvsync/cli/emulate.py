"""`cvsync emulate`: the service on this machine."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cvsync.cli.number import Number


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Where to listen.  [default: a free port]"
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; loopback keeps it yours."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("cvsync-emulator"),
    show_default=True,
    help="The folder of its state; it goes on where it was.",
)
@click.option("--tps", type=Number(0, min_open=True), help="Calls a second before 429.  [default: no cap]")
@click.option(
    "--tps-kind",
    type=click.Choice(["bucket", "window"]),
    default="bucket",
    show_default=True,
    help="How the cap counts: a token bucket, or a window of one second.",
)
@click.option("--latency", type=Number(0), default=0.0, help="Median seconds of an answer, lognormal.")
@click.option(
    "--quota",
    type=click.Choice(["S0", "F0", "none"]),
    default="S0",
    show_default=True,
    help="How many projects, images, tags and iterations there may be.",
)
@click.option(
    "--files",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A folder to serve under /files/, so that its pictures have URLs.",
)
@click.option(
    "--fetch/--no-fetch",
    default=True,
    help="Whether submitted URLs are downloaded; if not, the URL's text stands for the bytes.",
)
@click.option("--link-lifetime", type=Number(0), default=86400.0, help="Seconds that image links live.")
@click.option(
    "--import-seconds",
    type=Number(0),
    default=1.0,
    show_default=True,
    help="How long a copied project says Importing.",
)
@click.option(
    "--relative-links",
    is_flag=True,
    help="Answer links as a resource in a virtual network does: relative, for GetArtifact.",
)
@click.option(
    "--fault",
    "faults",
    metavar="SPEC",
    multiple=True,
    help="A failure on order: OPERATION:KIND[,FIELD=VALUE…], or the object as JSON. May be repeated.",
)
@click.option(
    "--quirk",
    "quirks",
    metavar="NAME=VALUE",
    multiple=True,
    help="Turn a behaviour that no source settles. May be repeated.",
)
@click.option("--seed", type=int, default=0, help="Of everything random, training included.")
def emulate(faults: tuple[str, ...], quirks: tuple[str, ...], **options: Any) -> int:
    """Run a local Custom Vision service until SIGTERM or Ctrl-C.

    Its keys are local-training-key and local-prediction-key, unless CVSYNC_EMULATOR_TRAINING_KEY and
    CVSYNC_EMULATOR_PREDICTION_KEY say otherwise; it also takes the bearer token in CVSYNC_EMULATOR_TOKEN.

    \b
    Example:
      cvsync emulate --port 8000 --data ./custom-vision
      cvsync emulate --tps 10 --fault CreateImagesFromUrls:status,status=503,rate=0.05
    """
    from cvsync.cli import exits
    from cvsync.cli.local import NEEDS, keys
    from cvsync.errors import CvsyncError, SettingsError
    from cvsync.run.lock import hold_lock

    try:
        from cvsync.emulator import AddressError, EmulatorSettings, SchemaError, serve
    except ImportError as error:
        raise SettingsError(NEEDS) from error
    options |= {"faults": _read_faults(faults), "quirks": _read_quirks(quirks)}
    token = os.environ.get("CVSYNC_EMULATOR_TOKEN") or None
    settings = replace(EmulatorSettings(**options, bearer_token=token), **keys())
    try:
        with hold_lock(settings.data, run_id="emulator", what=str(settings.data)):
            asyncio.run(serve(settings, ready=_say_listening))
    except (AddressError, SchemaError) as error:
        click.echo(f"cvsync: {error}", err=True)
        return exits.USAGE
    except (CvsyncError, OSError) as error:
        if (reason := exits.explain(error)) is None:
            raise
        click.echo(f"cvsync: {reason}", err=True)
        return exits.exit_code(error)
    return exits.OK


def _read_faults(specs: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    from cvsync.emulator.faults import FaultError, Faults, parse
    from cvsync.emulator.routes import OPERATIONS

    try:
        orders = tuple(parse(spec) for spec in specs)
        Faults().order(list(orders), OPERATIONS)
    except FaultError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from error
    return orders


def _read_quirks(texts: tuple[str, ...]) -> Any:
    from cvsync.emulator.settings import QuirkError, Quirks

    try:
        return Quirks.read(texts)
    except QuirkError as error:
        raise click.BadParameter(str(error), param_hint="--quirk") from error


def _say_listening(url: str) -> None:
    click.echo(f"cvsync emulator listening on {url}")

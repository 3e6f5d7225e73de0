"""The `cvsync` command."""

from __future__ import annotations

import sys

import click

from cvsync import __version__
from cvsync.cli import exits
from cvsync.cli.convert import convert
from cvsync.cli.emulate import emulate
from cvsync.cli.ledger import ledger, status
from cvsync.cli.push import apply, plan, push
from cvsync.cli.undo import undo
from cvsync.cli.validate import validate
from cvsync.cli.verify import verify
from cvsync.errors import CvsyncError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cvsync")
def cli() -> None:
    """Keep Azure Custom Vision projects equal to manifests.

    \b
    cvsync plan manifest.csv -p shelf      shows what would change
    cvsync push manifest.csv -p shelf      makes it so
    cvsync emulate                         runs the service on this machine
    """


cli.add_command(push)
cli.add_command(plan)
cli.add_command(apply)
cli.add_command(status)
cli.add_command(ledger)
cli.add_command(emulate)
cli.add_command(undo)
cli.add_command(validate)
cli.add_command(convert)
cli.add_command(verify)


def run() -> None:
    """Run the command line and exit with its code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except CvsyncError as error:  # of options, before anything began
        click.echo(f"cvsync: {error}", err=True)
        code = exits.exit_code(error)
    sys.exit(code)

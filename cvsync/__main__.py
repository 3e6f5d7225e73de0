"""`python -m cvsync`."""

from cvsync.cli.main import run

run()

"""Custom Vision on your own machine: a second implementation of the service, over HTTP."""

from cvsync.emulator.server import Emulator, serve
from cvsync.emulator.settings import EmulatorSettings, Quirks

__all__ = ["Emulator", "EmulatorSettings", "Quirks", "serve"]

"""Custom Vision on your own machine: a second implementation of the service, over HTTP."""

from cvsync.emulator.process import EmulatorProcess
from cvsync.emulator.server import AddressError, Emulator, serve
from cvsync.emulator.settings import EmulatorSettings, Quirks
from cvsync.emulator.store.schema import SchemaError
from cvsync.emulator.thread import EmulatorThread

__all__ = [
    "AddressError", "Emulator", "EmulatorProcess", "EmulatorSettings", "EmulatorThread", "Quirks",
    "SchemaError", "serve",
]  # fmt: skip

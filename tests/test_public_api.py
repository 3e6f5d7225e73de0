from __future__ import annotations

import subprocess
import sys

import pytest

import cvsync


def test_every_public_name_can_be_had() -> None:
    assert all(getattr(cvsync, name) is not None for name in cvsync.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = cvsync.nonsense


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["push", "--help"]])
def test_version_and_help_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from cvsync.cli.main import cli; cli.main(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'pandas', 'pyarrow', 'aiohttp', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_version_loads_no_verb() -> None:
    code = (
        "import sys; from cvsync.cli.main import cli; cli.main(['--version'], standalone_mode=False);"
        "print(sorted(name for name in sys.modules if name.startswith('cvsync.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "['cvsync.cli.exits', 'cvsync.cli.main', 'cvsync.cli.streams']"


def test_commands_do_without_pandas_and_leave_it_to_whoever_wants_it_later() -> None:
    code = (
        "import sys; from cvsync.cli import process; process.arrange();"
        "import numpy as np, pyarrow as pa; pa.array(np.zeros(3)); print('pandas' in sys.modules);"
        "import pandas as pd; from cvsync import Labels;"
        "frame = pd.DataFrame({'key': ['a', None], 'left': [0.5, float('nan')]});"
        "labels = Labels.from_pandas(frame);"
        "print(labels.table.column('left').to_pylist(), len(labels.to_pandas()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["False", "[0.5, None] 2"]

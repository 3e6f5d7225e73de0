"""What stands in a manifest of strangers cannot pretend to be what a command says."""

from __future__ import annotations

import pytest
from terminal import Terminal

TAG = "fork\n0 unchanged\x1b[2J\u202e"
SHOWN = r"fork\n0 unchanged\x1b[2J\u202e"


@pytest.mark.parametrize("command", [("plan", "m.csv"), ("verify", "m.csv"), ("tag", "ls")])
def test_a_tag_stays_in_its_line(
    terminal: Terminal, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(terminal.folder)
    one, other = ({**row, "tag": TAG} for row in terminal.rows(2))
    terminal.push(terminal.manifest([one]))
    terminal.manifest([one, other]).rename("m.csv")

    done = terminal.run(*command)

    assert SHOWN in done.out
    assert not {"\x1b", "\u202e"} & {*done.out}
    assert [line for line in done.out.splitlines() if line.startswith("0 unchanged\\")] == []


def test_a_name_of_a_refused_file_stays_in_its_line(terminal: Terminal) -> None:
    (terminal.folder / "a\n0 images refused\x1b[2J.png").write_bytes(b"no picture")

    done = terminal.push(terminal.manifest([{"path": "a\n0 images refused\x1b[2J.png", "tag": "fork"}]))

    assert done.code == 3
    assert r"a\n0 images refused\x1b[2J.png: " in done.err
    assert "\x1b" not in done.err

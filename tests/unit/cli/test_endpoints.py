from __future__ import annotations

import pytest

from cvsync.cli.endpoints import endpoint_url
from cvsync.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://shelf.test", "https://shelf.test"),
        (" https://shelf.test\r\n", "https://shelf.test"),
        ("HTTPS://Shelf.test:8443/gateway", "https://Shelf.test:8443/gateway"),
    ],
)
def test_an_endpoint_is_taken_without_what_is_around_it(text: str, url: str) -> None:
    """With the line end of a file from Windows it was another destination, with a ledger of its own."""
    assert endpoint_url("--endpoint", text) == url


@pytest.mark.parametrize(
    "text",
    [
        "https://me:secret@shelf.test",
        "https://shelf.test/customvision/v3.3/training",
        "https://shelf.test?key=secret",
    ],
)
def test_what_is_more_than_an_endpoint_is_not_shown_again(text: str) -> None:
    with pytest.raises(SettingsError, match=r"give https://shelf\.test alone") as caught:
        endpoint_url("--endpoint", text)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["shelf.test", "ftp://shelf.test", "https://", "https://she lf.test", "h\0"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--endpoint .* is neither `local` nor"):
        endpoint_url("--endpoint", text, or_local=True)

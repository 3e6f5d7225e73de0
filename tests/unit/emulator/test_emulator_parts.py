"""Blobs in parts, as Azure's storage gives them (docs: Get Blob)."""

import pytest


@pytest.fixture
async def blob(start_api, make_picture):
    """Ask for an image's blob with some headers; and the image."""
    api, content = await start_api(fetch=True), make_picture()
    answer = await api.call("POST", f"projects/{await api.project()}/images", data=content)
    link = answer.value["images"][0]["image"]["originalImageUri"]

    async def ask(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with api.session.get(link, headers=headers) as response:
            return response.status, response.headers, await response.read()

    return ask, content


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("0-3", slice(0, 4)), ("5-", slice(5, None)), ("-7", slice(-7, None)), ("10-99999", slice(10, None))],
)
async def test_a_part_of_a_blob(blob, wanted, part):
    ask, content = blob

    status, headers, body = await ask(Range=f"bytes={wanted}")

    start, end, _ = part.indices(len(content))
    assert (status, body) == (206, content[part])
    assert headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(content)}"
    assert (headers["Accept-Ranges"], headers["Content-Type"]) == ("bytes", "image/png")


async def test_a_part_beyond_the_end(blob):
    ask, content = blob

    status, headers, body = await ask(Range=f"bytes={len(content)}-")

    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(content)}")
    assert b"<Code>InvalidRange</Code>" in body


@pytest.mark.parametrize("wanted", ["bytes=x", "lines=1-2", "bytes=9-3"])
async def test_a_range_that_cannot_be_read_is_passed_over(blob, wanted):
    ask, content = blob

    assert (await ask(Range=wanted))[::2] == (200, content)


async def test_a_blob_only_while_it_is_known_or_unknown(blob):
    ask, content = blob
    tag = (await ask())[1]["ETag"]

    assert tag.startswith('"0x')
    assert (await ask(If_Match=tag, Range="bytes=4-"))[::2] == (206, content[4:])
    assert (await ask(If_Match='"other"'))[0] == 412
    assert (await ask(If_None_Match=f'"other", {tag}'))[::2] == (304, b"")
    assert (await ask(If_None_Match='"other"'))[::2] == (200, content)

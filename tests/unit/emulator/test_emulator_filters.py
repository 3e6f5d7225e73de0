import re

import pytest

from cvsync.emulator import filters
from cvsync.emulator.errors import ServiceFault


def test_the_published_example_parses():
    clause = filters.parse("metadata=key1 eq 'value1' and key2 ne 'value2'")

    assert clause.parameters == ("key1", "value1", "key2", "value2")


def test_quotes_are_doubled_and_and_binds_closer():
    clause = filters.parse("a eq 'it''s' or b eq 'x' AND c EQ ''")

    assert clause.parameters == ("a", "it's", "b", "x", "c", "")
    assert re.sub(r"pk IN \(.*?\)", "_", clause.sql) == "(_ OR (_ AND _))"


@pytest.mark.parametrize(
    "text", ["a", "a eq", "a eq b", "a gt 'b'", "a eq 'b", "(a eq 'b'", "a eq 'b' )", "''"]
)
def test_nonsense_is_refused(text):
    with pytest.raises(ServiceFault) as caught:
        filters.parse(text)

    assert caught.value.status == 400


def test_deep_nesting_is_refused():
    with pytest.raises(ServiceFault):
        filters.parse("(" * 60 + "a eq 'b'" + ")" * 60)


async def test_images_are_found_by_metadata(emulator_api):
    api = emulator_api
    project = await api.project()
    await api.add(project, "http://x/1", metadata={"shop": "north", "shelf": "1"})
    await api.add(project, "http://x/2", metadata={"shop": "south"})
    await api.add(project, "http://x/3")

    for text, count in [
        ("shop eq 'north'", 1),
        ("shop ne 'north'", 2),
        ("shop eq 'north' or shop eq 'south'", 2),
        ("shop eq 'north' and (shelf eq '2')", 0),
    ]:
        query = {"$filter": text}
        assert len((await api.get(f"projects/{project}/images", params=query)).value) == count
        assert (await api.get(f"projects/{project}/images/count", params=query)).value == count

import random
import struct

import pytest

from cvsync.emulator import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.403186275, "0.403186262"),
        (0.1512497, "0.1512497"),
        (1.37367179e-12, "1.37367179e-12"),
        (0.0, "0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
    ],
)
def test_floats_print_as_the_service_prints_them(value, text):
    assert numbers.single_text(value) == text


def test_printed_floats_round_trip():
    dice = random.Random(1)
    for _ in range(1000):
        value = struct.unpack("f", struct.pack("f", dice.random()))[0]

        assert numbers.to_single(float(numbers.single_text(value))) == value


def test_dates_have_the_forms_of_their_places():
    ticks = 15_246_897_368_078_750

    assert numbers.naive(ticks) == "2018-04-25T20:55:36.807875"
    assert numbers.naive(ticks - 8_078_750) == "2018-04-25T20:55:36"
    assert numbers.zulu_milliseconds(ticks - 8_078_750 + 600_000) == "2018-04-25T20:55:36.060Z"
    assert numbers.zulu(ticks) == "2018-04-25T20:55:36.8078750Z"


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("2018-04-25T20:55:36.8078751", 15_246_897_368_078_751),
        ("2018-04-25T20:55:36.8078751Z", 15_246_897_368_078_751),
        ("2018-04-25T22:55:36.8078751+02:00", 15_246_897_368_078_751),
        ("2018-04-25T20:55:36.06Z", 15_246_897_360_600_000),
        ("2018-04-25T20:55:36", 15_246_897_360_000_000),
        ("2018-04-25", 15_246_144_000_000_000),
    ],
)
def test_times_are_read_to_their_last_digit(text, ticks):
    assert numbers.ticks(text) == ticks


def test_sql_datetimes_step_by_a_third_of_a_centisecond():
    assert numbers.naive(numbers.sql_datetime(15_246_897_366_531_111)).endswith(".6533333")
    assert numbers.zulu_milliseconds(numbers.sql_datetime(15_246_897_366_570_000)).endswith(".657Z")


def test_guids_sort_as_sql_server_sorts_them():
    """The last group counts first, then the fourth; the first three are compared byte-reversed."""
    ascending = [
        "ffffffff-ffff-ffff-ffff-000000000001",
        "00000000-0000-0000-0001-000000000002",
        "00000000-0000-0001-0000-000000000003",
        "00000000-0000-0100-0000-000000000003",
    ]
    swapped = sorted(ascending, key=numbers.sql_order)

    assert swapped[:2] == ascending[:2]
    assert numbers.sql_order(ascending[3]) != numbers.sql_order(ascending[2])
    assert swapped[2:] == ["00000000-0000-0100-0000-000000000003", "00000000-0000-0001-0000-000000000003"]

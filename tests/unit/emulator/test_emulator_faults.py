import aiohttp
import orjson
import pytest

from cvsync.emulator.faults import FaultError, Faults, parse

URLS = "CreateImagesFromUrls"


async def test_the_first_fault_in_force_wins_and_skip_and_count_are_kept(emulator_api):
    api = emulator_api
    order = [
        {"operation": "GetDomains", "kind": "status", "status": 503, "skip": 1, "count": 1, "retry_after": 7},
        {"operation": "GetDomains", "kind": "html", "count": 3},
    ]
    assert (await api.control("POST", "faults", order)).status == 204

    answers = [await api.get("domains") for _ in range(4)]

    assert [answer.status for answer in answers] == [502, 503, 502, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert answers[0].value.startswith(b"<!DOCTYPE html>")


async def test_a_status_fault_may_bring_its_own_body(emulator_api):
    body = {"code": "ErrorUnknown", "message": "no"}
    order = {"operation": "GetDomains", "kind": "status", "status": 500, "body": body}
    await emulator_api.control("POST", "faults", [order])

    assert (await emulator_api.get("domains")).value == body


@pytest.mark.parametrize(("kind", "kept"), [("reset_before", 0), ("reset_after", 1), ("truncate", 1)])
async def test_a_lost_answer_says_nothing_about_the_work(emulator_api, kind, kept):
    api = emulator_api
    project = await api.project()
    await api.control("POST", "faults", [{"operation": URLS, "kind": kind}])

    with pytest.raises(aiohttp.ClientError):
        await api.add(project, "http://x/1")

    assert (await api.get(f"projects/{project}/images/untagged/count")).value == kept


async def test_partial_spoils_every_nth_image(emulator_api):
    api = emulator_api
    project = await api.project()
    fault = {"operation": URLS, "kind": "partial", "image_status": "ErrorStorage", "every": 2, "count": 1}
    await api.control("POST", "faults", [fault])

    results = await api.add(project, *(f"http://x/{n}" for n in range(4)))

    assert [result["status"] for result in results] == ["OK", "ErrorStorage", "OK", "ErrorStorage"]
    assert results[1]["image"] is None


async def test_shuffle_adds_to_any_fault(emulator_api):
    api = emulator_api
    project = await api.project()
    urls = [f"http://x/{n}" for n in range(20)]
    order = [
        {"operation": URLS, "kind": "slow", "seconds": 0},
        {"operation": URLS, "kind": "shuffle", "seed": 3},
    ]
    await api.control("POST", "faults", order)

    sources = [result["sourceUrl"] for result in await api.add(project, *urls)]

    assert sources != urls
    assert sorted(sources) == sorted(urls)


async def test_deleting_clears_all(emulator_api):
    await emulator_api.control("POST", "faults", [{"operation": "GetDomains", "kind": "status"}])
    await emulator_api.control("DELETE", "faults")

    assert (await emulator_api.get("domains")).status == 200


@pytest.mark.parametrize(
    "order",
    [
        {"operation": "Nothing", "kind": "status"},
        {"operation": "GetDomains", "kind": "explode"},
        {"operation": "GetDomains", "kind": "status", "seconds": 1},
        {"operation": "GetDomains", "kind": "partial"},
        {"operation": "GetDomains", "kind": "status", "rate": 2},
        {"operation": "GetDomains", "kind": "status", "status": "500"},
        {"operation": URLS, "kind": "partial", "image_status": 7},
        {"operation": ["x"], "kind": "status"},
        "nonsense",
    ],
)
async def test_orders_that_make_no_sense_are_refused_whole(emulator_api, order):
    fine = {"operation": "GetDomains", "kind": "status"}

    answer = await emulator_api.control("POST", "faults", [fine, order])

    assert answer.status == 400
    assert (await emulator_api.get("domains")).status == 200


async def test_a_429_can_say_when_in_any_way(emulator_api):
    api, date = emulator_api, "Wed, 21 Oct 2026 07:28:00 GMT"
    fault = {"operation": "GetDomains", "kind": "status", "status": 429, "count": 1}
    await api.control("POST", "faults", [fault | {"retry_after": date}])
    by_date = await api.get("domains")
    await api.control("POST", "faults", [fault | {"body": {"statusCode": 429, "message": "later"}}])
    without = await api.get("domains")

    assert (by_date.status, by_date.headers["Retry-After"]) == (429, date)
    assert without.value == {"statusCode": 429, "message": "later"}
    assert "Retry-After" not in without.headers


async def test_calls_that_never_reached_the_operation_do_not_count(start_api):
    api = await start_api(tps=0.001)
    await api.control("POST", "faults", [{"operation": "GetDomains", "kind": "html", "skip": 1}])

    statuses = [(await api.get("domains", headers={"Training-Key": "no"})).status]
    statuses += [(await api.get("domains")).status for _ in range(3)]

    assert statuses == [401, 200, 429, 429]
    assert (await api.control("GET", "faults")).value[0]["seen"] == 1


@pytest.mark.parametrize(
    ("spec", "order"),
    [
        ("GetDomains:html", {"operation": "GetDomains", "kind": "html"}),
        (
            f"{URLS}:status, status=503,retry_after=2.5,rate=0.05",
            {"operation": URLS, "kind": "status", "status": 503, "retry_after": 2.5, "rate": 0.05},
        ),
        (f"{URLS}:partial,image_status=ErrorStorage,every=3",
         {"operation": URLS, "kind": "partial", "image_status": "ErrorStorage", "every": 3}),
        ('{"operation":"GetDomains","kind":"status","body":{"a":[1,2]}}',
         {"operation": "GetDomains", "kind": "status", "body": {"a": [1, 2]}}),
    ],
)  # fmt: skip
async def test_faults_may_be_in_force_from_the_start(start_api, spec, order):
    assert parse(spec) == order
    api = await start_api(faults=(order,))

    (found,) = (await api.control("GET", "faults")).value
    assert (found["operation"], found["kind"]) == (order["operation"], order["kind"])


@pytest.mark.parametrize(
    "spec", ["", "GetDomains", "GetDomains:html,status", "{", "Nothing:html", "GetDomains:x=1"]
)
def test_specs_that_make_no_sense_are_refused(spec):
    with pytest.raises(FaultError):
        Faults().order([parse(spec)], ["GetDomains"])


def test_a_rate_is_seeded():
    def struck() -> list[bool]:
        faults = Faults()
        faults.order([{"operation": "A", "kind": "status", "rate": 0.3, "seed": 5}], ["A"])
        return [faults.pick("A")[0] is not None for _ in range(200)]

    assert struck() == struck()
    assert 30 < sum(struck()) < 90
    with pytest.raises(FaultError):
        Faults().order(orjson.loads("[7]"), ["A"])

import asyncio
import itertools

import pytest

from cvsync.emulator.routes import OPERATIONS, match
from cvsync.emulator.shaping import Bucket, Shaping, Window


async def test_paths_match_whatever_their_case(emulator_api):
    url = f"{emulator_api.emulator.url}/CustomVision/V3.3/TRAINING/Domains"
    async with emulator_api.session.get(url, headers={"training-KEY": "local-training-key"}) as response:
        assert response.status == 200


async def test_an_endpoint_may_end_in_a_slash(emulator_api):
    """As Azure's portal shows endpoints, and clients put a path behind them."""
    url = f"{emulator_api.emulator.url}//customvision/v3.3/training/domains"
    async with emulator_api.session.get(url, headers=emulator_api.headers) as response:
        assert response.status == 200


async def test_answers_have_the_headers_of_the_service(emulator_api):
    new, old = await emulator_api.get("domains"), await emulator_api.at("v2.0").get("domains")

    assert new.headers["Content-Type"] == "application/json; charset=utf-8"
    assert new.headers["apim-request-id"] == new.headers["Request-Id"]
    assert new.headers["x-content-type-options"] == "nosniff"
    assert new.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert {"Date", "Content-Length"} <= {*new.headers}
    assert "Request-Id" not in old.headers


@pytest.mark.parametrize("headers", [{"Training-Key": ""}, {"Training-Key": "local-prediction-key"}])
async def test_a_wrong_key_is_refused_by_the_gateway(emulator_api, headers):
    answer = await emulator_api.get("domains", headers=headers)

    assert answer.status == 401
    assert answer.value["error"]["code"] == "401"


async def test_a_training_key_is_wrong_on_prediction(emulator_api):
    path = f"{'0' * 8}-0000-0000-0000-{'0' * 12}/classify/iterations/x/url"
    headers = {"Prediction-Key": "local-training-key"}

    answer = await emulator_api.at("v3.1").post(path, {"url": "x"}, kind="prediction", headers=headers)

    assert answer.status == 401


async def test_a_bearer_token_is_accepted_when_configured(start_api):
    api = await start_api(bearer_token="token", training_key="secret")
    bearer = {"Training-Key": "", "Authorization": "Bearer token"}

    assert (await api.get("domains", headers=bearer)).status == 200
    assert (await api.get("domains")).status == 401
    assert (await api.get("domains", headers={"Training-Key": "secret"})).status == 200


async def test_strangers_get_404_and_old_versions_501(emulator_api):
    assert (await emulator_api.get("nothing")).status == 404
    assert (await emulator_api.at("v2.0").get("projects/x/artifacts")).status == 404
    prediction = await emulator_api.at("v1.1").post("nothing", kind="prediction")
    assert prediction.status == 404  # this version is modelled
    old = await emulator_api.at("v1.2").get("domains")
    assert old.status == 501
    assert "before v2.0" in old.value["error"]["message"]


@pytest.mark.parametrize("kind", ["bucket", "window"])
async def test_a_rate_cap_throttles_each_class_for_itself(start_api, kind):
    api = await start_api(tps=2, tps_kind=kind)

    statuses = [(await api.get("domains")).status for _ in range(6)]
    throttled = next(a for a in [await api.get("domains") for _ in range(4)] if a.status == 429)

    assert statuses[:2] == [200, 200]
    assert 429 in statuses
    assert throttled.headers["Retry-After"] == "1"
    assert "Please retry after 1 second" in throttled.value["error"]["message"]
    assert (await api.post("projects?name=x")).status == 200


async def test_a_429_names_the_tier(start_api):
    api = await start_api(tps=1, quota="F0")

    answers = [await api.get("domains") for _ in range(3)]

    throttled = next(answer for answer in answers if answer.status == 429)
    assert "CustomVision.Training F0 pricing tier" in throttled.value["error"]["message"]


def test_a_bucket_fills_steadily_and_a_window_at_once():
    time = [0.0]
    bucket, window = Bucket(10, lambda: time[0]), Window(10, lambda: time[0])

    for cap in (bucket, window):
        time[0] = 100.0
        assert sum(cap.admit() == 0 for _ in range(30)) == 10
        time[0] = 100.5
        half = sum(cap.admit() == 0 for _ in range(30))
        time[0] = 101.01
        rest = sum(cap.admit() == 0 for _ in range(30))
        assert (half, rest) == ((5, 5) if cap is bucket else (0, 10))


def test_service_times_are_lognormal_around_their_median():
    times = sorted(Shaping(None, "bucket", 0.6, seed).service_time() for seed in range(999))

    assert 0.55 < times[499] < 0.65
    assert Shaping(None, "bucket", 0.0, 1).service_time() == 0.0


async def test_counters_know_operations_statuses_and_versions(emulator_api):
    api = emulator_api
    await api.get("domains")
    await api.at("v2.0").get("domains")
    await api.get("domains", headers={"Training-Key": "no"})

    seen = (await api.control("GET", "requests")).value

    assert seen["total"] == 3
    assert seen["by_operation"] == {"GetDomains": {"200": 2, "401": 1}}
    assert seen["by_version"] == {"v3.3": 2, "v2.0": 1}
    assert seen["max_in_flight"] == 1
    await api.control("POST", "reset")
    assert (await api.control("GET", "requests")).value["total"] == 0
    assert (await api.control("GET", "health")).value == {"status": "ok"}


async def test_long_queries_and_large_bodies_are_accepted(emulator_api):
    api = emulator_api
    project = await api.project()
    ids = ",".join(f"{n:08x}-0000-0000-0000-000000000000" for n in range(256))

    assert (await api.get(f"projects/{project}/images/id", params={"imageIds": ids})).value == []
    body = b'{"images":[{"name":"a","contents":"' + b"A" * 65_000_000 + b'"}]}'
    answer = await api.call(
        "POST", f"projects/{project}/images/files", data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.value["images"][0]["status"] == "ErrorImageSize"


@pytest.mark.parametrize(
    ("version", "kind", "body", "status"),
    [
        ("v3.3", "application/x-www-form-urlencoded", b"", 400),  # curl -d "": too few images
        ("v3.3", "application/x-www-form-urlencoded", b"a=b", 501),
        ("v3.3", "application/xml", b"<a/>", 501),
        ("v3.3", "text/json", b"{}", 400),
        ("v2.2", "text/json", b"{}", 200),
        ("v3.3", "text/plain", b"{}", 400),
    ],
)
async def test_types_of_bodies(emulator_api, version, kind, body, status):
    api = emulator_api.at(version)
    project = await api.project()
    method, path = ("POST", "/train") if body == b"" else ("PATCH", "")

    answer = await api.call(method, f"projects/{project}{path}", data=body, headers={"Content-Type": kind})

    assert answer.status == status
    if kind in ("text/json", "text/plain") and status == 400:
        assert answer.value["message"] == (
            f"The request entity's media type '{kind}' is not supported for this resource."
        )
    if body == b"":
        assert answer.value["message"] == "Not enough images for training"


@pytest.mark.parametrize(("head", "status"), [("", b"411"), ("Content-Length: 0\r\n", b"400")])
async def test_a_post_without_a_body_says_so(emulator_api, head, status):
    """CONTRACT 2: it needs `Content-Length: 0`, which `curl -X POST` alone does not send."""
    path = f"/customvision/v3.3/training/projects/{await emulator_api.project()}/train"
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(emulator_api.emulator.url.rsplit(":")[-1])
    )

    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nTraining-Key: local-training-key\r\n{head}\r\n".encode()
    )
    line = await reader.readline()

    writer.close()
    assert line.split()[1] == status


async def test_a_body_that_cannot_be_read_is_refused_like_any_other(emulator_api):
    path = f"projects/{await emulator_api.project()}/images/urls"
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}

    answer = await emulator_api.call("POST", path, data=b"no gzip", headers=headers)

    assert (answer.status, answer.value["code"]) == (400, "BadRequest")


@pytest.mark.parametrize("head", ["a" * 20_000, 'a"\r\n' + "X: y\r\n" * 1_000])
async def test_a_part_with_too_long_a_head_is_refused_like_any_other(emulator_api, head):
    body = f'--b\r\nContent-Disposition: form-data; name="x"; filename="{head}\r\n\r\nx\r\n--b--\r\n'

    answer = await emulator_api.call(
        "POST", f"projects/{await emulator_api.project()}/images", data=body.encode(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )  # fmt: skip

    assert (answer.status, answer.value["code"]) == (400, "BadRequestImageStream")


async def test_links_have_the_name_that_the_client_knows(emulator_api):
    api = emulator_api
    port = api.emulator.url.rpartition(":")[2]
    headers = {"Host": f"custom-vision:{port}"}
    project = await api.project()

    batch = {"images": [{"url": "u"}]}
    answer = await api.post(f"projects/{project}/images/urls", batch, headers=headers)

    link = answer.value["images"][0]["image"]["originalImageUri"]
    assert link.startswith(f"http://custom-vision:{port}/i-")
    async with api.session.get(link.replace("custom-vision", "127.0.0.1")) as blob:
        assert blob.status == 200


async def test_links_do_without_a_name_that_is_none(emulator_api):
    project = await emulator_api.project()
    await emulator_api.add(project, "u")

    answer = await emulator_api.get(f"projects/{project}/images", headers={"Host": 'a"b\\c'})

    assert answer.value[0]["originalImageUri"].startswith(f"{emulator_api.emulator.url}/i-")


NONSENSE = [b"", b"{", b"[]", b"null", b"7", b'{"images":7}', b'{"images":[7]}', b'{"tags":[{}]}', b'"\xff"',
            b'{"regions":[{"imageId":1}]}', b'{"images":[{"url":5}]}', b'{"name":5}', b'{"url":null}',
            b'{"images":[{"name":"a","contents":7}]}', b'{"images":[{"id":"x"}]}', b'{"orderBy":3}',
            b'{"settings":7}', b'{"settings":{"domainId":"x"}}', b'{"selectedTags":3}',
            b'{"images":[{"url":"x","regions":[{"tagId":"x","left":1e999}]}]}']  # fmt: skip


async def test_nonsense_never_is_an_error_of_the_server(emulator_api):
    api = emulator_api
    project = await api.project()
    paths = [
        ("POST", f"projects/{project}/{end}")
        for end in ("images/urls", "images/files", "images/predictions", "images/tags", "images/regions",
                    "images", "images/metadata?imageIds=" + project, "predictions/query", "train",
                    "quicktest/url", "quicktest/image")
    ]  # fmt: skip
    paths += [("PATCH", f"projects/{project}"), ("POST", "projects"), ("POST", "projects/import?token=x")]
    for (method, path), body in itertools.product(paths, NONSENSE):
        answer = await api.call(method, path, data=body, headers={"Content-Type": "application/json"})
        assert answer.status < 500, (path, body, answer)
    for query in ("take=x", "take=257", "skip=-1", "orderBy=Up", "tagIds=x", "iterationId=x", "$filter=x"):
        answer = await api.get(f"projects/{project}/images?{query}")
        assert answer.status == 400, query
    assert (await api.get("projects/not-a-guid")).status == 400


def test_every_route_of_the_table_is_found_by_its_own_path():
    found = match("POST", "/customvision/v2.0/Training/abc/images/def/RegionProposals")

    assert found is not None
    assert found.route.operation == "GetImageRegionProposals"
    assert match("POST", "/customvision/v3.0/Training/abc/images/def/regionproposals") is None
    assert len(OPERATIONS) >= 52 + 12

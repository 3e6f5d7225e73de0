"""Every answer of a whole session, held against the published specification of its version."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from emulator_fixtures import Api

SPECIFICATIONS = Path(__file__).parents[3] / "shared" / "api"
VERSIONS = ["v2.0", "v2.1", "v2.2", "v3.0", "v3.1", "v3.2", "v3.3", "v3.4-preview"]
COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
# Recordings show nulls that the specifications do not allow.
RECORDED_NULLS = {
    "tagName", "publishName", "originalPublishResourceId", "continuation", "application",
    "detectionParameters",
    "exportableTo", "domainId", "image", "flavor", "thumbnailUri", "description",
    "downloadUri",
}  # fmt: skip
# Recordings show fields before the specifications name them.
RECORDED_EXTRAS = {"ProjectSettings": {"classificationType", "useNegativeSet", "detectionParameters"}}
pytestmark = [
    pytest.mark.usefixtures("quick_learner"),
    pytest.mark.skipif(not SPECIFICATIONS.is_dir(), reason="no published specifications beside the project"),
]


class Specification:
    def __init__(self, name: str) -> None:
        self.document = json.loads((SPECIFICATIONS / f"{name}.json").read_text())
        self.operations = []
        for path, methods in self.document["paths"].items():
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
            for method, operation in methods.items():
                self.operations.append((path.count("{"), pattern, method.upper(), operation))
        self.operations.sort(key=lambda operation: operation[0])
        self.definitions = {
            name: self.strict(schema, name) for name, schema in self.document["definitions"].items()
        }

    def strict(self, schema, name=""):
        """A JSON schema that knows x-nullable and allows no unknown field."""
        if "$ref" in schema:
            return {"anyOf": [{"$ref": schema["$ref"]}, {"type": "null"}]}
        made = {key: schema[key] for key in ("type", "enum", "required", "maxItems") if key in schema}
        if "properties" in schema:
            made["properties"] = {}
            for field, inner in schema["properties"].items():
                strict = self.strict(inner)
                made["properties"][field] = nullable(strict) if field in RECORDED_NULLS else strict
            made["additionalProperties"] = False
            for extra in RECORDED_EXTRAS.get(name, ()):
                made["properties"].setdefault(extra, {})
        if isinstance(schema.get("additionalProperties"), dict):
            made["additionalProperties"] = self.strict(schema["additionalProperties"])
        if "items" in schema:
            made["items"] = self.strict(schema["items"])
        if "IVS" not in made.get("enum", "IVS") and "CoreML" in made["enum"]:
            made["enum"] = [*made["enum"], "IVS"]  # recorded, and in no specification
        is_definition = name != ""
        return made if is_definition or schema.get("x-nullable") is False else nullable(made)

    def check(self, method, path, status, value) -> str:
        for _, pattern, its_method, operation in self.operations:
            if its_method == method and pattern.fullmatch(path):
                declared = operation["responses"].get(str(status))
                assert declared is not None, (operation["operationId"], status, value)
                if "schema" in declared and not isinstance(value, bytes):
                    schema = self.strict(declared["schema"]) | {"definitions": self.definitions}
                    # Without `validate`, which checks the large schema itself each time.
                    error = jsonschema.exceptions.best_match(
                        jsonschema.Draft7Validator(schema).iter_errors(value)
                    )
                    assert error is None, (operation["operationId"], error.message, list(error.absolute_path))
                return operation["operationId"]
        raise AssertionError(f"{method} {path} is in no specification")


def nullable(schema):
    return {"anyOf": [schema, {"type": "null"}]}


class CheckedApi(Api):
    def __init__(self, emulator, session, version):
        super().__init__(emulator, session, version)
        self.training = Specification(f"training-{version}")
        self.seen = set()
        self.prediction = None

    async def call(self, method, path, *, kind="training", **options):
        answer = await super().call(method, path, kind=kind, **options)
        value = answer.value
        if isinstance(value, dict) and {"Id"} <= value.keys():  # recorded: leaks of v2
            value = {name[0].lower() + name[1:]: item for name, item in value.items()}
        specification = self.training if kind == "training" else self.prediction
        self.seen.add(specification.check(method, f"/{path.partition('?')[0]}", answer.status, value))
        return answer


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_answer_of_a_session_is_as_published(emulator, emulator_session, version, make_picture):
    api = CheckedApi(emulator, emulator_session, version)
    number = tuple(int(part) for part in version[1:4].split("."))
    project = await api.project(domainId=COMPACT)
    await fill(api, project)
    iteration = (await api.trained(project))["id"]
    await read(api, project, iteration)
    await relabel(api, project)
    await predict(api, project, iteration, make_picture())
    if number >= (3, 0):
        await publish(api, project, iteration, number)
    if number >= (3, 1):
        await suggest(api, project, iteration)
    if number >= (3, 2):
        token = (await api.get(f"projects/{project}/export")).value["token"]
        await api.post("projects/import", params={"token": token})
    if number >= (3, 3):
        await read_more(api, project)
    await detect(api, number)
    await clean(api, project, iteration)

    missing = {operation["operationId"] for *_, operation in api.training.operations} - api.seen
    assert missing == set()


async def fill(api, project):
    tag = await api.tag(project, "cat")
    await api.add(project, *(f"c{n}" for n in range(5)), "c0", tags=(tag,))
    await api.tag(project, "dog")
    dog = next(t["id"] for t in (await api.get(f"projects/{project}/tags")).value if t["name"] == "dog")
    await api.add(project, *(f"d{n}" for n in range(5)), tags=(dog,))
    await api.patch(f"projects/{project}", {"name": "renamed", "description": "", "settings": {}})
    await api.patch(f"projects/{project}/tags/{dog}", {"name": "hound"})
    await api.post(f"projects/{project}/images/files", {"images": [{"name": "x", "contents": ""}]})


async def read(api, project, iteration):
    path = f"projects/{project}/iterations/{iteration}"
    await api.patch(path, {"name": "best"})
    for end in ("", "/performance", "/performance/images", "/performance/images/count"):
        await api.get(path + end)
    await api.post(f"{path}/export?platform=ONNX")
    await api.get(f"{path}/export")
    for end in ("", "/iterations", "/images/tagged", "/images/tagged/count", "/images/untagged"):
        await api.get(f"projects/{project}{end}")
    await api.get(f"projects/{project}/images/untagged/count")
    await api.get("projects")
    domain = (await api.get("domains")).value[0]["id"]
    await api.get(f"domains/{domain}")
    tag = (await api.get(f"projects/{project}/tags")).value[0]["id"]
    await api.get(f"projects/{project}/tags/{tag}")


async def relabel(api, project):
    image = (await api.add(project, "new"))[0]["image"]["id"]
    await api.get(f"projects/{project}/images/id?imageIds={image}")
    tag = await api.tag(project, "bird")
    entry = {"imageId": image, "tagId": tag}
    await api.post(f"projects/{project}/images/tags", {"tags": [entry, entry]})
    await api.delete(f"projects/{project}/images/tags?imageIds={image}&tagIds={tag}")
    await api.delete(f"projects/{project}/tags/{tag}")


async def predict(api, project, iteration, picture):
    answer = await api.post(f"projects/{project}/quicktest/url?iterationId={iteration}", {"url": "u"})
    await api.post(f"projects/{project}/quicktest/image", data=picture)
    await api.post(f"projects/{project}/predictions/query", {"orderBy": "Newest"})
    entry = {"id": answer.value["id"]}
    await api.post(f"projects/{project}/images/predictions", {"images": [entry]})
    await api.delete(f"projects/{project}/predictions?ids={answer.value['id']}")
    if api.version in ("v2.0", "v3.0"):
        api.prediction = Specification(f"prediction-{api.version}")
    if api.version == "v2.0":
        await api.post(f"{project}/url", {"url": "u"}, kind="prediction")


async def publish(api, project, iteration, number):
    path = f"projects/{project}/iterations/{iteration}/publish"
    await api.post(path, params={"publishName": "live", "predictionId": "/subscriptions/x"})
    await api.get(f"projects/{project}/iterations/{iteration}")
    if api.prediction is not None:
        await api.post(f"{project}/classify/iterations/live/url", {"url": "u"}, kind="prediction")
    await api.delete(path)


async def suggest(api, project, iteration):
    image = (await api.add(project, "untagged"))[0]["image"]["id"]
    tags = [tag["id"] for tag in (await api.get(f"projects/{project}/tags")).value]
    query = f"?iterationId={iteration}"
    await api.post(f"projects/{project}/tagsandregions/suggestions{query}&imageIds={image}")
    body = {"tagIds": tags, "threshold": 0.1, "maxCount": 10, "sortBy": "UncertaintyDescending"}
    assert (await api.post(f"projects/{project}/images/suggested{query}", body)).value["results"]
    await api.post(f"projects/{project}/images/suggested/count{query}", {"tagIds": tags, "threshold": 0.1})


async def read_more(api, project):
    await api.get(f"projects/{project}/images")
    image = (await api.add(project, "meta", metadata={"a": "b"}))[0]["image"]
    await api.get(f"projects/{project}/images/count")
    await api.post(f"projects/{project}/images/metadata?imageIds={image['id']}", {"c": "d"})
    path = f"/i-{project.replace('-', '')}/i-{image['id'].replace('-', '')}"
    await api.get(f"projects/{project}/artifacts", params={"path": path})


async def detect(api, number):
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    box = {"tagId": tag, "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}
    image = (await api.add(project, images=[{"url": "u", "regions": [box]}]))[0]["image"]["id"]
    entry = {"imageId": image} | box
    answer = await api.post(f"projects/{project}/images/regions", {"regions": [entry | {"left": 0.3}, entry]})
    await api.get(f"projects/{project}/images/tagged")
    await api.delete(f"projects/{project}/images/regions?regionIds={answer.value['created'][0]['regionId']}")
    prefix = "" if number < (3, 0) else "projects/"
    await api.post(f"{prefix}{project}/images/{image}/regionproposals")
    await api.delete(f"projects/{project}/images?imageIds={image}")
    await api.call("POST", f"projects/{project}/images", data=b"text")
    await api.delete(f"projects/{project}")


async def clean(api, project, iteration):
    assert (await api.delete(f"projects/{project}/iterations/{iteration}")).status == 204


@pytest.mark.parametrize(
    "path", sorted(SPECIFICATIONS.glob("training-v[23]*.json")), ids=lambda path: path.stem
)
def test_every_published_operation_has_a_route(path):
    from cvsync.emulator.routes import match

    document = json.loads(path.read_text())
    base = document.get("basePath") or ""
    for template, methods in document["paths"].items():
        for method, operation in methods.items():
            found = match(method.upper(), base + re.sub(r"\{\w+\}", "x", template))
            assert found is not None
            assert found.route.operation == operation["operationId"]

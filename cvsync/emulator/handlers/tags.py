"""Tags of a project."""

from __future__ import annotations

from cvsync.emulator.call import NO_CONTENT, Call, Reply, one_of, optional_text
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.shapes import pascal_case
from cvsync.emulator.store import iterations, tags


def tag_types(version: tuple[int, int]) -> list[str]:
    """spec: types came with v2.2, GeneralProduct with v3.3."""
    return [tags.REGULAR, tags.NEGATIVE] + ([tags.GENERAL_PRODUCT] if version >= (3, 3) else [])


async def get_tags(call: Call) -> Reply:
    frame = iterations.frame_of(call.db, call.project(), call.id("iterationId"))
    return Reply([call.shapes.tag(tag) for tag in tags.of_frame(call.db, frame)])


async def get_tag(call: Call) -> Reply:
    frame = iterations.frame_of(call.db, call.project(), call.id("iterationId"))
    return Reply(call.shapes.tag(tags.find(call.db, frame, call.id_in_path("tagId"))))


async def create_tag(call: Call) -> Reply:
    type = tags.REGULAR
    if call.version >= (2, 2) and call.text("type"):
        type = one_of(call.text("type"), tag_types(call.version), "type", code="BadRequestTagType")
    name = _name(call, call.text("name") or "") or ""
    with call.site.store.writing() as db:
        tag = tags.create(
            db,
            call.project(),
            name,
            description=call.text("description") or None,  # recorded: null, also when sent empty
            type=type,
            quota=call.site.quota,
        )
    return Reply(call.shapes.tag(tag))


async def update_tag(call: Call) -> Reply:
    body = await call.json()
    type = body.get("type") if call.version >= (2, 2) else None
    if type is not None:
        type = one_of(type, tag_types(call.version), "type", code="BadRequestTagType")
    with call.site.store.writing() as db:
        project = call.project()
        tag = tags.update(
            db,
            project,
            tags.find(db, project.workspace, call.id_in_path("tagId")),
            name=_name(call, body.get("name")),
            description=optional_text(body.get("description"), "description"),
            type=type,
        )
    shape = call.shapes.tag(tag)
    leaks = call.site.settings.quirks.pascal_case_leaks and call.version <= (2, 1)
    return Reply(pascal_case(shape) if leaks else shape)


async def delete_tag(call: Call) -> Reply:
    with call.site.store.writing() as db:
        project = call.project()
        tags.delete(db, project, tags.find(db, project.workspace, call.id_in_path("tagId")))
    return NO_CONTENT


def _name(call: Call, value: object) -> str | None:
    if isinstance(value, str) and 0 < call.site.settings.quirks.max_name_length < len(value):
        raise ServiceFault("BadRequestTagName", "The name is too long")
    if value is None or isinstance(value, str):
        return value
    raise ServiceFault("BadRequestTagName", "A tag's name is a text")

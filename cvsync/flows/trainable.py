"""Whether a project holds what a training needs."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync import limits
from cvsync.model import NEGATIVE, ProjectType, Tag


def why_not_trainable(tags: Sequence[Tag], type_: ProjectType) -> str | None:
    """Say why a project with these tags cannot be trained, naming each tag that falls short; None: it can.

    Tags without any image are left out, as the service leaves them out.
    """
    used = [tag for tag in tags if tag.image_count]
    if type_ is ProjectType.DETECTION:
        negative = [tag.name for tag in used if tag.type == NEGATIVE]
        if negative:
            return f"a detection project is not trained with images of a negative tag ({negative[0]})"
        enough, least = limits.MIN_IMAGES_PER_TAG_DETECTION, 1
    else:
        enough, least = limits.MIN_IMAGES_PER_TAG_CLASSIFICATION, limits.MIN_TAGS_CLASSIFICATION
    if len(used) < least:
        there, noun = used[0].name if used else "none", "tag" if least == 1 else "tags"
        return f"a {type_} project needs images of {least} {noun} at least, and this one has {there}"
    short = [tag for tag in used if tag.image_count < enough]
    if not short:
        return None
    named = ", ".join(f"{tag.name} has {tag.image_count}" for tag in sorted(short, key=lambda t: t.name))
    return f"a {type_} project needs {enough} images of each tag, but {named}"

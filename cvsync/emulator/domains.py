"""The domains of the service, in its fixed order. recorded: ids, order and counts per version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cvsync.emulator.errors import ServiceFault

Version = tuple[int, int]
SIX = ("VAIDK", "CoreML", "DockerFile", "ONNX", "OpenVino", "TensorFlow")
FOUR = ("CoreML", "DockerFile", "ONNX", "TensorFlow")
DEFAULT = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"
_PLATFORM_SINCE = {
    "CoreML": (2, 0), "TensorFlow": (2, 0), "DockerFile": (2, 0), "ONNX": (2, 0),
    "VAIDK": (3, 0), "OpenVino": (3, 4), "IVS": (3, 4),
}  # fmt: skip


@dataclass(frozen=True)
class Domain:
    id: str
    name: str
    is_detection: bool
    since: Version
    platforms: tuple[str, ...] = ()
    megabytes: int | None = None

    @property
    def is_exportable(self) -> bool:
        return bool(self.platforms)

    def shape(self, version: Version) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "type": "ObjectDetection" if self.is_detection else "Classification",
            "exportable": self.is_exportable,
            "enabled": True,
        }
        if version >= (3, 4):
            shape["exportablePlatforms"] = list(self.platforms)
            shape["modelInformation"] = self.megabytes and {
                "estimatedModelSizeInMegabytes": self.megabytes,
                "description": self.name,
            }
        return shape


def _classifier(id_: str, name: str, since: Version = (2, 0)) -> Domain:
    return Domain(id_, name, False, since)


def _compact_classifier(id_: str, name: str, since: Version = (2, 0)) -> Domain:
    return Domain(id_, name, False, since, SIX, 5)


DOMAINS = (
    _classifier(DEFAULT, "General"),
    _classifier("c151d5b5-dd07-472a-acc8-15d29dea8518", "Food"),
    _classifier("ca455789-012d-4b50-9fec-5bb63841c793", "Landmarks"),
    _classifier("b30a91ae-e3c1-4f73-a81e-c270bff27c39", "Retail"),
    _classifier("45badf75-3591-4f26-a705-45678d3e9f5f", "Adult"),
    _compact_classifier("0732100f-1a38-4e49-a514-c9b44c697ab5", "General (compact)"),
    _compact_classifier("8882951b-82cd-4c32-970b-d5f8cb8bf6d7", "Food (compact)", (3, 0)),
    _compact_classifier("b5cfd229-2ac7-4b2b-8d0a-2b0661344894", "Landmarks (compact)"),
    _compact_classifier("6b4faeda-8396-481b-9f8b-177b9fa3097f", "Retail (compact)"),
    Domain("da2e3a8a-40a5-4171-82f4-58522f70fbc1", "General", True, (2, 0)),
    Domain("1d8ffafe-ec40-4fb2-8f90-72b3b6cecea4", "Logo", True, (3, 0)),
    Domain("3780a898-81c3-4516-81ae-3a139614e1f3", "Products on Shelves", True, (3, 4)),
    Domain("a27d5ca5-bb19-49d8-a70a-fec086c47f5b", "General (compact)", True, (3, 0), FOUR, 42),
    Domain("7ec2ac80-887b-48a6-8df9-8b1357765430", "General (compact) [S1]", True, (3, 4), (*SIX, "IVS"), 13),
)
# docs: known by id, but in no recorded list.
UNLISTED = (
    _classifier("a8e3c40f-fb4a-466f-832a-5e457ae4a344", "General [A1]"),
    _classifier("2e37d7fb-3a54-486a-b4d6-cfc369af0018", "General [A2]"),
    _compact_classifier("a1db07ca-a19a-4830-bae8-e004a42dc863", "General (compact) [S1]"),
    Domain("9c616dff-2e7d-ea11-af59-1866da359ce6", "General [A1]", True, (3, 0)),
)
_BY_ID = {domain.id: domain for domain in (*DOMAINS, *UNLISTED)}


def listed(version: Version) -> list[Domain]:
    return [domain for domain in DOMAINS if domain.since <= version]


def find(domain_id: str) -> Domain | None:
    return _BY_ID.get(domain_id)


def require(domain_id: str, code: str = "NotFoundDomain") -> Domain:
    domain = find(domain_id)
    if domain is None:
        raise ServiceFault(code, "Domain not found")
    return domain


def platforms(version: Version) -> list[str]:
    """The export platforms that a version knows. spec."""
    return [name for name, since in _PLATFORM_SINCE.items() if since <= version]


def platform_named(text: str, version: Version) -> str | None:
    """docs: the platform in a query is matched whatever its case."""
    return next((name for name in platforms(version) if name.casefold() == text.casefold()), None)

"""The formats of manifests: how each is recognised, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from cvsync.errors import ManifestError
from cvsync.labels import Labels
from cvsync.manifest.azureml import AZUREML, is_azureml, read_azureml, write_azureml
from cvsync.manifest.coco import COCO, read_coco, write_coco
from cvsync.manifest.delimited import read_csv, write_csv, write_tsv
from cvsync.manifest.folders import FOLDERS, is_folders, read_folders, write_folders
from cvsync.manifest.holds import EVERY_COLUMN, Holds
from cvsync.manifest.imagefolders import IMAGES
from cvsync.manifest.jsonl import read_json, read_jsonl, write_jsonl
from cvsync.manifest.lines import peek
from cvsync.manifest.names import Name, find_places
from cvsync.manifest.parquet import read_parquet, write_parquet
from cvsync.manifest.places import Place, told
from cvsync.manifest.reading import Reading
from cvsync.manifest.rekognition import REKOGNITION, is_rekognition, read_rekognition, write_rekognition
from cvsync.manifest.rows import Rows
from cvsync.manifest.target import Target
from cvsync.manifest.tree import INDEX
from cvsync.manifest.vertex import VERTEX, is_vertex, read_vertex, write_vertex
from cvsync.manifest.voc import ANNOTATIONS, VOC, is_voc, read_voc, write_voc
from cvsync.manifest.yolo import PARTS, YOLO, is_yolo, read_yolo, write_yolo

Read = Callable[[Place, Reading], list[Rows]]
Write = Callable[[Labels, Target], None]


class Kind(Enum):
    """What a row is in a file."""

    TABLE = 1  # a row of a table
    LINES = 2  # a line
    FILES = 3  # neither: a part of a file, or a file


@dataclass(frozen=True)
class Format:
    """One way to write labels down."""

    name: str
    kind: Kind
    read: Read
    """Raises ``ManifestError`` for what cannot be read or lacks what is needed."""
    says: str
    """What it is."""
    write: Write | None = None
    holds: Holds = Holds()  # noqa: RUF009 - frozen
    is_folder: bool = False
    """Whether it is written as a folder."""
    parts: tuple[str, ...] = ()
    """What such a folder is known by, beside the images."""


_OWN = Holds(columns=EVERY_COLUMN | {"sha256"})

FORMATS = {
    form.name: form
    for form in (
        Format(
            "csv",
            Kind.TABLE,
            read_csv,
            "a table with a header: comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252; "
            "blank rows at its end do not count",
            write_csv,
            _OWN,
        ),
        Format("tsv", Kind.TABLE, read_csv, "the same with tabs", write_tsv, _OWN),
        Format("parquet", Kind.TABLE, read_parquet, "a table; lists and structs too", write_parquet, _OWN),
        Format(
            "jsonl", Kind.LINES, read_jsonl, "JSON Lines, one label or one image a line", write_jsonl, _OWN
        ),
        Format("json", Kind.FILES, read_json, "a list of such objects in one file"),
        Format(
            "azureml",
            Kind.LINES,
            read_azureml,
            "JSON Lines of Azure Machine Learning: `image_url`, `label`",
            write_azureml,
            AZUREML,
        ),
        Format(
            "vertex", Kind.LINES, read_vertex, "JSON Lines of Vertex AI: `imageGcsUri`", write_vertex, VERTEX
        ),
        Format(
            "rekognition",
            Kind.LINES,
            read_rekognition,
            "manifests of Rekognition and SageMaker Ground Truth: `source-ref`",
            write_rekognition,
            REKOGNITION,
        ),
        Format(
            "coco",
            Kind.FILES,
            read_coco,
            "one JSON file with images, annotations and categories",
            write_coco,
            COCO,
        ),
        Format(
            "yolo",
            Kind.FILES,
            read_yolo,
            "`data.yaml`, a folder of images, their labels and `classes.txt`, or a list of images",
            write_yolo,
            YOLO,
            is_folder=True,
            parts=PARTS,
        ),
        Format(
            "voc",
            Kind.FILES,
            read_voc,
            "Pascal VOC: a folder of XML files",
            write_voc,
            VOC,
            is_folder=True,
            parts=(ANNOTATIONS,),
        ),
        Format("folders", Kind.FILES, read_folders, "a folder a tag", write_folders, FOLDERS, is_folder=True),
    )
}
_TABLES = (".csv", ".tsv", ".tab", ".psv", ".parquet", ".pq")
_LINES = (".jsonl", ".ndjson", ".manifest")
COCO_NAME = "manifest.json"  # as pulled folders call it
_PEEK = 50  # lines that tell a format
_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # of folders of images


def table() -> str:
    """Give the list of formats as the README has it."""
    lines = ["| format | is | written, it cannot hold | precision of boxes |", "|---|---|---|---|"]
    for form in FORMATS.values():
        lacks, precision = (form.holds.lacks, form.holds.precision) if form.write else ("is read only", "")
        lines.append(f"| `{form.name}` | {form.says} | {lacks} | {precision if form.holds.boxes else ''} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Input:
    """A file or folder, and the format that it is in."""

    place: Place
    format: Format


def find_inputs(names: Sequence[Name], reading: Reading) -> list[Input]:
    """Find the files of a manifest and tell their formats.

    Raises:
        ManifestError: One is not there, or its format cannot be told.
    """
    return [input_ for place in find_places(names) for input_ in _inputs(place, reading)]


def _inputs(place: Place, reading: Reading) -> list[Input]:
    with told(place.name):
        form = FORMATS[reading.format] if reading.format else None
        if not place.is_folder:
            return [Input(place, form or recognise(place))]
        if form is None or form.kind is not Kind.FILES or form.name == "coco":
            shards = _shards(place, form)
            if shards:
                return [_input(shard, form) for shard in shards]
        return [Input(place, form or recognise_folder(place))]


def _input(shard: Place, form: Format | None) -> Input:
    with told(shard.name):
        return Input(shard, form or recognise(shard))


def recognise(place: Place) -> Format:
    """Tell the format of a file by its name and its first bytes.

    Raises:
        ManifestError: It is none that is known.
    """
    by_name = {".yaml": "yolo", ".yml": "yolo", ".xml": "voc", ".parquet": "parquet", ".pq": "parquet"}
    name = by_name.get(place.suffix) or ("parquet" if place.is_parquet else None)
    if name is None:
        head = place.head(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith(b"{"):
            return _recognise_json(place)
        if head.startswith(b"["):
            name = "json"
        elif not head and place.suffix in _LINES:
            name = "jsonl"
        elif place.suffix == ".txt" and _is_list_of_files(head):
            name = "yolo"
        else:
            name = "tsv" if place.suffix in (".tsv", ".tab") else "csv"
    return FORMATS[name]


def recognise_folder(place: Place) -> Format:
    """Tell the format of a folder by what lies in it.

    Raises:
        ManifestError: It is none that is known, or could be two.
    """
    found = [name for name, is_it in (("yolo", is_yolo), ("voc", is_voc)) if is_it(place)]
    if len(found) > 1:
        raise ManifestError(place.name, [f"could be {' or '.join(found)}; say which with --from"])
    if found:
        return FORMATS[found[0]]
    if is_folders(place):
        return FORMATS["folders"]
    raise ManifestError(place.name, ["is a folder without a manifest or an image in it"])


def _recognise_json(place: Place) -> Format:
    said = peek(place, _PEEK)
    if any({"images", "annotations"} & one.keys() and "categories" in one for one in said):
        return FORMATS["coco"]
    for name, is_it in (("azureml", is_azureml), ("vertex", is_vertex), ("rekognition", is_rekognition)):
        if any(is_it(one) for one in said):
            return FORMATS[name]
    return FORMATS["jsonl" if said or place.suffix in _LINES else "coco"]


def _is_list_of_files(head: bytes) -> bool:
    first = head.split(b"\n", 1)[0].strip().decode("utf-8", "replace").lower()
    return first.endswith(tuple(IMAGES)) and "://" not in first


def _shards(folder: Place, form: Format | None) -> list[Place]:
    """Give the files of a folder that is one manifest in parts."""
    children = [child for child in folder.children() if not child.is_folder]
    described = [child for child in children if child.base in _METADATA]
    if described:
        return described
    if form is not None and form.kind is not Kind.TABLE:
        return [child for child in folder.children(deep=True) if child.suffix in (*_LINES, ".json")]
    coco = [c for c in folder.children(deep=True) if c.base.endswith(".coco.json") or c.base == COCO_NAME]
    if coco:
        return coco
    tables = [c for c in children if c.suffix in (*_TABLES, *_LINES) and c.base != INDEX]
    endings = sorted({child.suffix for child in tables})
    if len(endings) > 1:
        kinds = ", ".join(endings)
        raise ManifestError(folder.name, [f"holds manifests of several kinds ({kinds}); name those to read"])
    if not tables:  # partitions: folders of shards
        tables = [c for c in folder.children(deep=True) if c.suffix in (".parquet", ".pq")]
    return tables

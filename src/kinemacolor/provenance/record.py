"""The record of a render: where its colours come from, as one JSON file that is handed on with its results."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator

from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.options import EncodingOptions
from kinemacolor.plan.document import LONGEST_NAME_BYTES, MAX_FRAMES, MAX_PLAN_BYTES, Plan
from kinemacolor.utils.files import resolve_folder
from kinemacolor.utils.validation_messages import describe_validation_errors
from kinemacolor.video.disclosure import DIGITAL_SOURCE_TYPE, ResultRole

RECORD_VERSION = 1
MAX_ROWS = 1024  # of a batch; more than any card has room for
RECORD_SUFFIX = ".kinemacolor.json"
STATEMENT = (
    "The colours of these results are synthetic: a trained model gave them to a black-and-white original, by the "
    "reference pictures that are named here. Nobody knows from this file what the colours really were."
)


def make_record_path(result: Path) -> Path:
    """Return where the record beside a result lies: ``film.color.mp4.kinemacolor.json``."""
    return result.with_name(f"{result.name}{RECORD_SUFFIX}")


def describe_place(path: Path, folder: Path) -> str:
    """Return how a record in ``folder`` names a file: its place there, else its name alone.

    Files in the folder above, and in a folder beside, have their place too, unless that above is the root or a home: a
    record is handed to others, and tells nothing of what else somebody has. A link is named, not what it leads to.
    """
    path, folder = resolve_folder(path), folder.resolve()
    if path.is_relative_to(folder) and path != folder:
        return path.relative_to(folder).as_posix()
    above = folder.parent
    is_project = above not in (folder, Path(above.anchor), Path.home().resolve(), Path.home().resolve().parent)
    if is_project and above in (path.parent, path.parent.parent):
        return "../" + path.relative_to(above).as_posix()
    return path.name


def _check_text(text: object) -> str:
    """Return a text, which may name files that are no UTF-8 (their bytes as `os.fsdecode` gives them)."""
    if not isinstance(text, str):
        raise ValueError("wanted a text")
    return text


def _check_name(text: object) -> str:
    """Return the bare name of a file. Raises ValueError for anything that may lie elsewhere on this system."""
    name = _check_text(text)
    if Path(name).name != name or name in ("", "..") or not _can_exist(name):
        raise ValueError("wanted the name of a file, without a folder")
    return name


def _check_place(text: object) -> str:
    """Return a place as `describe_place` gives it. Raises ValueError for one that may lie further away."""
    place = Path(_check_text(text))
    parts = place.parts
    if place.anchor or not parts or ".." in parts[1:] or parts == ("..",) or not all(map(_can_exist, parts)):
        raise ValueError("wanted a place in the folder of the record, or in the one above")
    return _check_text(text)


def _can_exist(name: str) -> bool:
    """Say whether a file can have a name."""
    try:
        return "\0" not in name and len(os.fsencode(name)) <= LONGEST_NAME_BYTES
    except UnicodeEncodeError:  # half of a character of UTF-16
        return False


_Text = Annotated[str, PlainValidator(_check_text)]
_Name = Annotated[str, PlainValidator(_check_name)]
_Place = Annotated[str, PlainValidator(_check_place)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Section(BaseModel):
    """Base of all sections: immutable; keys of later versions are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class RecordedResult(_Section):
    """A result. ``sha256``: of the file; of a folder that of its files' names and digests (`digest_tree`).

    ``files``: of a folder the sha256 of each file, by its name in it; None of a file, and in records of before.
    """

    role: ResultRole
    name: _Name
    sha256: Sha256
    files: dict[_Place, Sha256] | None = None


class RecordedSource(_Section):
    """The film that was colorized.

    ``sha256`` is that of the file; of numbered pictures that of their digests in order (`film_sha256`). ``frames`` were
    colorized, from ``start_seconds`` to ``end_seconds`` (None: its end); ``width`` and ``height`` in px, ``rate`` in
    frames a second.
    """

    place: _Place
    sha256: Sha256
    frames: int
    width: int
    height: int
    rate: str | None
    start_seconds: float
    end_seconds: float | None


class RecordedStill(_Section):
    """The colour film that a reference was taken from, and the number of its frame there."""

    place: _Place
    sha256: Sha256
    frame: int = Field(ge=0, lt=MAX_FRAMES)


class RecordedReference(_Section):
    """A reference picture, the frame of the film that it is a picture of, and the shots (from 1) that it colours.

    ``still_of``: of a still that this program took of a colour film, and that may lie nowhere any more.
    """

    place: _Place
    sha256: Sha256
    frame: int | None
    shots: tuple[int, ...]
    still_of: RecordedStill | None = None


class RecordedWeights(_Section):
    """A part of the model: None as ``sha256`` where it is untrained."""

    part: str
    sha256: str | None
    licence: str
    non_commercial: bool
    provenance: str


class RecordedModel(_Section):
    """The model that painted."""

    name: str
    weights: tuple[RecordedWeights, ...]


class RecordedEncoder(_Section):
    """What the encoding options came to for one result: FFmpeg's encoder, pixel format, and its private options."""

    name: str
    pixel_format: str
    options: dict[str, str]


class RecordedMachine(_Section):
    """What else decides the last digits: see `RenderPlan`. ``rows``: of the batch, on a GPU."""

    engine: str
    device: str
    torch_threads: int = Field(ge=1, le=64)
    rows: int = Field(ge=1, le=MAX_ROWS)
    processor: str
    system: str


class RecordedFilledShot(_Section):
    """The part 0..1 of a shot's colours that no reference shows: frames ``first`` to ``last``."""

    first: int
    last: int
    filled: float


class RecordedReport(_Section):
    """What the render found, as in `RenderReport`; ``warnings`` without folders."""

    frames: int
    shots: int
    mean_confidence: float
    filled: float | None = None
    filled_by_shot: tuple[RecordedFilledShot, ...] = ()
    corrupt_packets: int = 0
    ended_early: _Text | None = None
    warnings: tuple[_Text, ...] = ()


class Record(_Section):
    """All that is known of the results of one render, enough to make them again. Each field: docs/provenance.md."""

    kinemacolor_record: int = RECORD_VERSION
    statement: str = STATEMENT
    digital_source_type: str = DIGITAL_SOURCE_TYPE
    made_utc: str
    is_signed: bool = False
    results: tuple[RecordedResult, ...] = Field(min_length=1)
    source: RecordedSource
    references: dict[_Text, RecordedReference]
    model: RecordedModel
    encoding: EncodingOptions
    encoders: dict[ResultRole, RecordedEncoder]
    machine: RecordedMachine
    versions: dict[str, str]
    report: RecordedReport
    plan: Plan

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        roles = [result.role for result in self.results]
        if roles[0] != "film" or len(set(roles)) < len(roles):
            raise ValueError("the results must be one film first, and perhaps one layer and one confidence")
        if self.plan.film.sha256 != self.source.sha256:
            raise ValueError("the plan is of another film than the source")
        if self.plan.references.keys() != self.references.keys():
            raise ValueError("the plan has other references than the record")
        if self.plan.model != self.model.name or self.plan.weights != {
            part.part: part.sha256 for part in self.model.weights
        }:
            raise ValueError("the plan is of another model than the record, or of other weights")
        return self

    @property
    def sha256s(self) -> Mapping[ResultRole, str]:
        """The sha256 of each result."""
        return {result.role: result.sha256 for result in self.results}

    def to_json(self) -> str:
        """Return the record as JSON, to be read by a person too; bytes of names that are no UTF-8 are escaped."""
        content = self.model_dump(mode="json", exclude={"plan": True})
        text = json.dumps({**content, "plan": self.plan.to_content()}, indent=1, ensure_ascii=False) + "\n"
        return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Read a record.

        Raises InputError for a file that cannot be read, UsageError for one whose content is wrong, naming the fault.
        """
        content = _read_json(path)
        version = content.get("kinemacolor_record")
        if not isinstance(version, int):
            raise UsageError(f"{path} is no record of Kinemacolor: give RESULT{RECORD_SUFFIX}")
        if version > RECORD_VERSION:
            raise UsageError(
                f"{path} has format {version}, this version of Kinemacolor knows {RECORD_VERSION}: install a newer one"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise UsageError(f"{path}: {describe_validation_errors(error)}") from error


def _read_json(path: Path) -> dict[str, object]:
    with translate_read_errors(path):
        if not path.exists():
            raise InputError(f"{path} does not exist: check the name")
        if not path.is_file():
            raise InputError(f"{path} is no file: give RESULT{RECORD_SUFFIX}")
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise InputError(f"{path} has more than {MAX_PLAN_BYTES} bytes: no record has")
        data = path.read_bytes()
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid as JSON: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} is no record of Kinemacolor: give RESULT{RECORD_SUFFIX}")
    return content

"""What a record must hold to be one, and what of it must fit the films that were read."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from kinemacolor.utils.files import digest_files
from kinemacolor.utils.validation_messages import describe_validation_errors

MAX_SECONDS = 1e9


class FilmsFacts(NamedTuple):
    """What was read: frames of a source, or of the part of it that is compared, and frames of its result.

    ``sizes``: width and height in px of the source's pictures, as stored, and without what their container hides.
    """

    source_frames: int
    result_frames: int
    sizes: tuple[tuple[int, int], ...]


def list_faults(content: Mapping[str, Any], facts: FilmsFacts) -> list[str]:
    """List in words what of a record has no right form, or else what contradicts itself or the films.

    A person may have written anything there, so the words may hold anything too.
    """
    try:
        record = _RecordForm.model_validate(content)
    except ValidationError as error:
        return [describe_validation_errors(error)]
    return list(_iter_contradictions(record, facts))


def _check_text(text: object) -> str:
    if not isinstance(text, str):  # pydantic's own check takes no names that are no UTF-8
        raise ValueError("wanted a text")
    return text


_Text = Annotated[str, PlainValidator(_check_text)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
_Part = Annotated[float, Field(ge=0, le=1 + 1e-6)]  # the mean of many that are at most 1


class _Form(BaseModel):
    """Base of all sections; what is not named here may be anything."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _ResultForm(_Form):
    role: Literal["film", "layer", "confidence"]
    name: _Text
    sha256: _Sha256
    files: dict[_Text, _Sha256] | None = None


class _SourceForm(_Form):
    place: _Text
    sha256: _Sha256
    frames: _Count
    width: _Count
    height: _Count
    rate: Annotated[str, Field(pattern=r"^[0-9]+(/[1-9][0-9]*)?$")] | None
    start_seconds: _Seconds
    end_seconds: _Seconds | None


class _ReferenceForm(_Form):
    place: _Text
    sha256: _Sha256
    frame: _Count | None
    shots: list[_Count]


class _WeightsForm(_Form):
    part: _Text
    sha256: _Sha256 | None


class _ModelForm(_Form):
    name: _Text
    weights: list[_WeightsForm]


class _MachineForm(_Form):
    engine: _Text
    device: _Text
    torch_threads: _Count
    rows: _Count


class _ReportForm(_Form):
    frames: _Count
    shots: _Count
    mean_confidence: _Part
    filled: _Part | None = None
    ended_early: _Text | None = None
    warnings: list[_Text] = []


class _RecordForm(_Form):
    made_utc: _Text
    results: list[_ResultForm] = Field(min_length=1)
    source: _SourceForm
    references: dict[_Text, _ReferenceForm]
    model: _ModelForm
    encoding: dict[_Text, Any]
    encoders: dict[_Text, Any]
    machine: _MachineForm
    versions: dict[_Text, _Text]
    report: _ReportForm
    plan: dict[_Text, Any]


def _iter_contradictions(record: _RecordForm, facts: FilmsFacts) -> Iterator[str]:
    source, planned = record.source, record.plan.get("film")
    if source.frames != facts.source_frames:
        yield f"source.frames is {source.frames}, {facts.source_frames} were read"
    if record.report.frames != facts.result_frames:
        yield f"report.frames is {record.report.frames}, the result has {facts.result_frames}"
    if (source.width, source.height) not in facts.sizes:
        columns, rows = facts.sizes[0]
        yield f"source.width and source.height are {source.width} and {source.height}, its pictures {columns}x{rows}"
    if source.end_seconds is not None and source.end_seconds <= source.start_seconds:
        yield f"source.end_seconds is {source.end_seconds:g}, which is not after its start"
    told = source.model_dump(include={"sha256", "frames", "start_seconds", "end_seconds"})
    for key, value in told.items():
        if isinstance(planned, dict) and planned.get(key, value) != value:
            yield f"plan.film.{key} is {planned[key]}, source.{key} {value}"
    for result in record.results:
        if result.files is not None and digest_files(result.files) != result.sha256:
            yield f"the files of the {result.role} have together another sha256 than it"

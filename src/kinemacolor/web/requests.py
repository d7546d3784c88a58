"""What can be asked of a project, as it is sent by a program and kept with a job."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kinemacolor.errors import UsageError
from kinemacolor.options import Detector, EncodingOptions, RenderOptions
from kinemacolor.rendering.output import OutputSpec, default_output_path
from kinemacolor.video.editing_codecs import EDITING_CODECS
from kinemacolor.web.names import safe_file_name
from kinemacolor.web.project import Project

OutputFormat = Literal["h264", "h265", "prores", "dnxhr", "ffv1", "vp9", "png"]
OUTPUT_FORMATS: dict[OutputFormat, tuple[str, str, EncodingOptions]] = {
    "h264": ("MP4, H.264: plays everywhere", ".mp4", EncodingOptions(vcodec="h264")),
    "h265": ("MP4, H.265: smaller", ".mp4", EncodingOptions(vcodec="h265")),
    "prores": ("MOV, ProRes: for editing", ".mov", EncodingOptions(vcodec="prores")),
    "dnxhr": ("MXF, DNxHR: for editing stations", ".mxf", EncodingOptions(vcodec="dnxhr")),
    "ffv1": ("Matroska, FFV1: without loss, for archives", ".mkv", EncodingOptions(lossless=True)),
    "vp9": ("WebM, VP9", ".webm", EncodingOptions(vcodec="vp9")),
    "png": ("A picture, PNG", ".png", EncodingOptions(vcodec="png")),
}


class _BaseTask(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnalyzeFilm(_BaseTask):
    """Read the film once: its shots, small pictures, and which frames are worth colouring."""

    kind: Literal["look"] = "look"
    detector: Detector = "luma"


class MakePlan(_BaseTask):
    """Choose references for every shot. What somebody chose stays; None: as the plan has it, or the default."""

    kind: Literal["plan"] = "plan"
    model: str | None = None
    options: RenderOptions | None = None
    per_shot: int = Field(default=2, ge=1, le=16)


class PreviewClip(_BaseTask):
    """Colorize a few seconds of the plan, from a time or, if it is given, from a ``frame``."""

    kind: Literal["try"] = "try"
    frame: int | None = Field(default=None, ge=0, le=10**9)
    start_seconds: float = Field(default=0, ge=0, allow_inf_nan=False)
    seconds: float = Field(default=3, gt=0, le=10)


class RenderFilm(_BaseTask):
    """Colorize the whole film; what is missing of `AnalyzeFilm` and `MakePlan` is done first.

    ``layer``: also the colours alone. ``confidence``: also how sure the model is, as a film.
    """

    kind: Literal["render"] = "render"
    form: OutputFormat | None = None
    layer: bool = False
    confidence: bool = False


ProjectTask = Annotated[AnalyzeFilm | MakePlan | PreviewClip | RenderFilm, Field(discriminator="kind")]


def make_output_target(project: Project, task: RenderFilm) -> OutputSpec:
    """What a render writes; a part of a film has its times in its name, so that it takes the place of no other."""
    source, folder = project.film, project.results_folder
    output_format = task.form or ("png" if project.is_photograph else "h264" if source.is_dir() else None)
    suffix, encoding = (
        OUTPUT_FORMATS[output_format][1:] if output_format else (default_output_path(source).suffix, EncodingOptions())
    )
    entry = project.entry
    stem = _make_stem(Path(entry.title).stem if source.is_file() else entry.title)
    if entry.part != (0, None):
        stem += f".{entry.start_seconds:g}-{'end' if entry.end_seconds is None else f'{entry.end_seconds:g}'}"
    of_confidence = suffix if encoding.vcodec in EDITING_CODECS.values() else ".mp4"
    return OutputSpec(
        output=folder / f"{stem}.color{suffix}",
        encoding=encoding,
        layer=folder / f"{stem}.layer{suffix}" if task.layer else None,
        confidence=folder / f"{stem}.confidence{of_confidence}" if task.confidence else None,
        overwrite=True,
    )


def _make_stem(title: str) -> str:
    """Return the title as a name that every system allows."""
    try:
        name = safe_file_name(f"{title}.mp4")
    except UsageError:
        name = ""
    return name.removesuffix(".mp4") if name.endswith(".mp4") else "film"  # where nothing is left of it


def format_render_command(project: Project, task: RenderFilm) -> str:
    """The same as a command line."""
    target = make_output_target(project, task)
    words = ["kinemacolor", "render", str(project.plan_file), "-o", str(target.output)]
    if target.encoding.lossless:
        words.append("--lossless")
    for option, value in (
        ("--vcodec", target.encoding.vcodec),
        ("--layer", target.layer),
        ("--confidence-out", target.confidence),
    ):
        words += [option, str(value)] if value else []
    return shlex.join([*words, "--overwrite"])

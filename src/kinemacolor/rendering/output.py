"""The files that a render writes, and the checks of them that can be made before the first frame."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.options import EncodingOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.utils.device import check_device
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.default_container import choose_default_suffix
from kinemacolor.video.encoding import EncoderSettings, choose_encoder, is_folder_name
from kinemacolor.video.geometry import compute_working_size
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.output import make_partial_path
from kinemacolor.video.picture_series import choose_result_suffix, locate_film, make_result_base
from kinemacolor.video.pixels import compute_chroma_shape
from kinemacolor.video.reader import probe_film

BYTES_PER_PIXEL = 1.0  # of a prediction in a work folder; a generous guess, as it depends on the grain of ab
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
_PARTIAL_OUTPUTS_FILE = "unfinished.json"
_WRITABLE_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm")


@dataclass(frozen=True)
class OutputSpec:
    """The files to write, and how they are encoded.

    ``output`` is the colorized film. ``layer``: also the colours alone, on middle gray; ``confidence``: also the
    confidence of the model, as a gray film. With ``overwrite`` files that exist are replaced.
    """

    output: Path
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    layer: Path | None = None
    confidence: Path | None = None
    overwrite: bool = False

    @property
    def paths(self) -> list[Path]:
        """The paths of all files to write."""
        return [path for path in (self.output, self.layer, self.confidence) if path is not None]


@dataclass(frozen=True)
class OutputSetup:
    """An output that was checked: the film, the encoder of each file, and warnings for the user."""

    output_spec: OutputSpec
    info: VideoInfo
    encoders: dict[Path, EncoderSettings]
    warnings: list[str]

    @property
    def encoder(self) -> EncoderSettings:
        """The encoder of the colorized film."""
        return self.encoders[self.output_spec.output]


def prepare_output(
    info: VideoInfo,
    output_spec: OutputSpec,
    inputs: Sequence[Path],
    *,
    frames: int | None,
    working_pixels: int,
    device: str,
    work_folder: Path,
) -> OutputSetup:
    """Check, without writing anything, that the results can be written, and choose their encoders.

    ``inputs`` are the files that must not be overwritten. ``frames`` (None: unknown) and ``working_pixels``, the pixels
    of a prediction, decide how much room the disk of ``work_folder`` needs.

    Raises UsageError, or ResourceError where a disk has too little room.
    """
    check_device(device)
    if len({make_partial_path(path) for path in output_spec.paths}) < len(output_spec.paths):
        raise UsageError("two results have one name: name each differently")
    replaceable = partial_outputs(work_folder)
    for path in output_spec.paths:
        check_output_path(path, inputs, overwrite=output_spec.overwrite, replaceable=replaceable)
    check_output_path(_sidecar_path(output_spec.output), inputs, overwrite=output_spec.overwrite)
    encoders = {path: choose_encoder(info, path, output_spec.encoding) for path in output_spec.paths}
    if frames is not None:
        _check_disk_space(info, encoders, frames, working_pixels, work_folder)
    return OutputSetup(output_spec, info, encoders, _collect_warnings(info, encoders[output_spec.output]))


def default_output_path(source: Path, label: str = "color") -> Path:
    """Name the result beside its source: ``film.color.mp4`` for ``film.mp4``, in a container that holds what it has.

    A folder or a series of pictures becomes a folder, one picture a picture. Raises InputError for what cannot be
    opened; a film that does not exist is not looked at.
    """
    base, suffix = make_result_base(source), choose_result_suffix(source)
    if suffix is None and source.is_file():
        suffix = choose_default_suffix(source)
    elif suffix is None:
        suffix = source.suffix.lower() if source.suffix.lower() in _WRITABLE_SUFFIXES else ".mp4"
    return base.with_name(f"{base.name}.{label}{suffix}")


def cbcr_plane_size(info: VideoInfo, encoder: EncoderSettings) -> tuple[int, int]:
    """Compute rows and columns of the Cb and Cr planes that the encoder takes."""
    return compute_chroma_shape(info.height, info.width, encoder.subsampling)


def prepare_plan_output(
    plan: Plan,
    output_spec: OutputSpec,
    model_spec: ModelSpec,
    work_folder: Path,
    *,
    device: str,
    inputs: Sequence[Path],
) -> OutputSetup:
    """Do `prepare_output` for a plan; errors as there, and InputError for a film that cannot be read.

    ``inputs`` are the files that must not be overwritten besides its film and references.
    """
    info = probe_film(plan.film.path, plan.film.gaps)
    rows, columns = compute_working_size(info.height, info.width, plan.options.short_side or model_spec.short_side)
    return prepare_output(
        info,
        output_spec,
        [locate_film(plan.film.path), *(entry.path for entry in plan.references.values()), *inputs],
        frames=plan.film.frames,
        working_pixels=rows * columns,
        device=device,
        work_folder=work_folder,
    )


def write_sidecar(report: RenderReport) -> None:
    """Write the report of a render that filled beside its result, as RESULT.json; deletes that of an earlier result.

    Raises ResourceError where the disk is full or refuses.
    """
    path = _sidecar_path(Path(report.result))
    if report.filled is None:
        path.unlink(missing_ok=True)
        return
    with write_file_atomically(path) as stream:
        stream.write(json.dumps(asdict(report), indent=2).encode() + b"\n")


def _sidecar_path(result: Path) -> Path:
    return result.with_name(f"{result.name}.json")


def mark_started(work_folder: Path, output_spec: OutputSpec) -> None:
    """Note in ``work_folder`` which partial files this run begins, so that a later run may replace them.

    Folders that an earlier run began are deleted.
    """
    for partial in partial_outputs(work_folder):
        if partial.is_dir():
            shutil.rmtree(partial)
    with write_file_atomically(work_folder / _PARTIAL_OUTPUTS_FILE) as stream:
        stream.write(json.dumps([str(make_partial_path(path)) for path in output_spec.paths]).encode())


def mark_finished(work_folder: Path) -> None:
    """Delete the note of `mark_started`: all files are whole."""
    (work_folder / _PARTIAL_OUTPUTS_FILE).unlink(missing_ok=True)


def partial_outputs(work_folder: Path) -> list[Path]:
    """List the partial files that an earlier run with ``work_folder`` had begun when it was stopped."""
    try:
        return [Path(name) for name in json.loads((work_folder / _PARTIAL_OUTPUTS_FILE).read_text())]
    except (OSError, ValueError):
        return []


def check_output_path(
    output: Path, inputs: Sequence[Path], *, overwrite: bool, replaceable: Sequence[Path] = ()
) -> None:
    """Check that ``output`` and its ``*.partial.*`` can be written, and that no existing file is lost by it.

    Files in ``replaceable`` may exist already.

    Raises UsageError that says what to do.
    """
    partial = make_partial_path(output)
    try:
        if not output.absolute().parent.is_dir():
            raise UsageError(f"the folder {output.parent} does not exist: make it first")
        for target in (output, partial):
            for path in inputs:
                if _is_overlapping(target.resolve(), path.resolve()):
                    raise UsageError(f"{target} is an input of this job, or holds one: name another result with -o")
            if not target.exists() or target in replaceable:
                continue
            if target.is_dir() and (target == partial or next(target.iterdir(), None) is not None):
                raise UsageError(f"the folder {target} is not empty: name a new one with -o, or empty it")
            if not target.is_dir() and (is_folder_name(output) or not overwrite):
                raise UsageError(f"{target} exists: name another result with -o, or add --overwrite")
        trial = partial.with_name(f".{partial.name}.trial")
        trial.touch()
        trial.unlink()
    except OSError as error:
        reason = f"nothing can be written in {output.parent} ({error.strerror})"
        raise UsageError(f"{reason}: choose another folder") from error


def _is_overlapping(target: Path, source: Path) -> bool:
    """Whether writing ``target`` would change ``source``: they are the same, or one is a folder around the other."""
    return target == source or target in source.parents or (source.is_dir() and source in target.parents)


def _check_disk_space(
    info: VideoInfo, encoders: dict[Path, EncoderSettings], frames: int, working_pixels: int, work_folder: Path
) -> None:
    """Check that each disk has room for what will be written there, less what an earlier run has written already.

    Raises ResourceError.
    """
    wanted = {work_folder: frames * working_pixels * BYTES_PER_PIXEL}
    for path, encoder in encoders.items():
        wanted[make_partial_path(path)] = frames * info.width * info.height * encoder.bits_per_pixel / 8
    needed: dict[int, float] = {}
    for path, size in wanted.items():
        device = _nearest_folder(path).stat().st_dev
        needed[device] = needed.get(device, 0) + max(0, size - _bytes_on_disk(path))
    for path in wanted:
        folder = _nearest_folder(path)
        free, here = shutil.disk_usage(folder).free, needed[folder.stat().st_dev]
        if here > free:
            raise ResourceError(
                f"the result may need {here / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free: "
                f"free some, or choose another folder"
            )


def _nearest_folder(path: Path) -> Path:
    """Find the nearest parent folder that exists."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def _bytes_on_disk(path: Path) -> int:
    """Count the bytes of a file, or of all files in a folder; 0 where it does not exist."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _collect_warnings(info: VideoInfo, encoder: EncoderSettings) -> list[str]:
    """List what the user should know about this film and this encoder."""
    found = []
    if info.colors.transfer in HDR_TRANSFERS:
        found.append(
            f"the film is {HDR_TRANSFERS[info.colors.transfer]}: its luma is read as if it were standard, "
            f"so colours of bright parts are approximate"
        )
    if info.is_interlaced:
        found.append(
            "the film is interlaced: each frame takes the colours of its first field, and its field order is kept"
        )
    if info.gap_note:
        found.append(info.gap_note)
    if info.has_alpha:
        found.append("the film's transparency is left out")
    if encoder.depth < info.depth:
        found.append(f"the result has {encoder.depth} bits, the film {info.depth}: --vcodec ffv1 (.mkv) keeps them all")
    if encoder.name == "libx264" and encoder.subsampling == "444":
        found.append("chroma is stored at full size (4:4:4), which some players cannot show")
    return found

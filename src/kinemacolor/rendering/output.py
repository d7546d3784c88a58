"""The files that a render writes, and the checks of them that can be made before the first frame."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kinemacolor.errors import InputError, ResourceError, UsageError, find_machine_fault, translate_read_errors
from kinemacolor.inference.engines.choice import check_engine
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.options import EncodingOptions, Precision, later_defaults
from kinemacolor.plan.document import LONGEST_NAME_BYTES, Plan
from kinemacolor.plan.planner import film_sha256
from kinemacolor.rendering.commit import OutputClaim, find_finished, find_own_partials
from kinemacolor.rendering.ownership import make_lock_path
from kinemacolor.rendering.passes import PAINTING_FORMAT
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.utils.device import check_device
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.video.default_container import choose_default_suffix
from kinemacolor.video.disclosure import ResultRole
from kinemacolor.video.encoding import EncoderSettings, choose_encoder, is_folder_name
from kinemacolor.video.geometry import compute_working_size
from kinemacolor.video.images import WRITABLE_PICTURE_SUFFIXES
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.mxf import check_is_even
from kinemacolor.video.output import make_partial_path
from kinemacolor.video.picture_series import choose_result_suffix, locate_film, make_result_base
from kinemacolor.video.pixels import compute_chroma_shape
from kinemacolor.video.reader import probe_film

BYTES_PER_PIXEL = 1.0  # of a prediction in a work folder; a generous guess, as it depends on the grain of ab
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
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
    def results(self) -> list[tuple[ResultRole, Path]]:
        """The files to write, and what each is; the colorized film first."""
        given: dict[ResultRole, Path | None] = {"film": self.output, "layer": self.layer, "confidence": self.confidence}
        return [(role, path) for role, path in given.items() if path is not None]

    @property
    def paths(self) -> list[Path]:
        """The paths of all files to write."""
        return [path for _, path in self.results]

    def make_claim(self, request: str, work_folder: Path) -> OutputClaim:
        """Return the claim of a request with this digest and ``work_folder`` on these files."""
        return OutputClaim(request, tuple(self.paths), self.overwrite, work_folder)


@dataclass(frozen=True)
class OutputSetup:
    """An output that was checked: the film, the encoder of each file, warnings for the user, and what is claimed."""

    output_spec: OutputSpec
    info: VideoInfo
    encoders: dict[Path, EncoderSettings]
    warnings: list[str]
    claim: OutputClaim

    @property
    def encoder(self) -> EncoderSettings:
        """The encoder of the colorized film."""
        return self.encoders[self.output_spec.output]


def prepare_output(
    info: VideoInfo,
    output_spec: OutputSpec,
    inputs: Sequence[Path],
    model_spec: ModelSpec,
    *,
    frames: int | None,
    working_pixels: int,
    device: str,
    engine: str = "auto",
    precision: Precision,
    work_folder: Path,
    request: str,
    luma_bytes: int = 0,
) -> OutputSetup:
    """Check, without writing anything, that the results can be written, and choose their encoders.

    ``inputs`` are the files that must not be overwritten; ``model_spec`` is of the model that paints on ``device`` with
    ``engine`` at ``precision``. ``frames`` (None: unknown) and ``working_pixels``, the pixels of a prediction, decide
    how much room the disk of ``work_folder`` needs, and ``luma_bytes``, what it keeps of a frame's luma. ``request`` is
    a digest of all that decides the results (`find_finished`).

    Raises UsageError, or ResourceError where a disk has too little room.
    """
    check_device(device)
    check_engine(engine, device, model_spec, precision)
    if len({str(make_lock_path(path)).casefold() for path in output_spec.paths}) < len(output_spec.paths):
        raise UsageError("two results have one name: name each differently")
    claim = output_spec.make_claim(request, work_folder)
    _check_claim(claim, inputs)
    encoders = {path: choose_encoder(info, path, output_spec.encoding) for path in output_spec.paths}
    if any(path.suffix.lower() == ".mxf" for path in output_spec.paths):
        check_is_even(info)
    if frames is not None:
        frame_bytes = working_pixels * BYTES_PER_PIXEL + luma_bytes
        if output_spec.encoding.parts:
            frame_bytes += info.width * info.height * encoders[output_spec.output].bits_per_pixel / 8
        _check_disk_space(info, encoders, frames, frame_bytes, work_folder)
    return OutputSetup(output_spec, info, encoders, _collect_warnings(info, encoders[output_spec.output]), claim)


def default_output_path(source: Path, label: str = "color", encoding: EncodingOptions | None = None) -> Path:
    """Name the result beside its source: ``film.color.mp4`` for ``film.mp4``, in a container that holds what it has.

    A folder or a series of pictures becomes a folder, one picture a picture. Raises InputError for what cannot be
    opened; a film that does not exist is not looked at. For archives (``encoding``) it is Matroska.
    """
    base, suffix = make_result_base(source), choose_result_suffix(source)
    if encoding and encoding.archive:
        suffix = ".mkv"
    elif suffix is None and source.is_file():
        suffix = choose_default_suffix(source)
    elif suffix is None:
        own = source.suffix.lower()
        suffix = own if own in (*_WRITABLE_SUFFIXES, *WRITABLE_PICTURE_SUFFIXES) else ".mp4"
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
    engine: str = "auto",
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
        model_spec,
        frames=plan.film.frames,
        working_pixels=rows * columns,
        device=device,
        engine=engine,
        precision=plan.options.precision,
        work_folder=work_folder,
        request=digest_plan_request(plan, output_spec),
    )


def find_finished_render(plan: Plan, output_spec: OutputSpec, work_folder: Path) -> RenderReport | None:
    """Return the report of an earlier render of this plan into these files, if they are whole and nothing changed.

    Raises InputError for a film or reference that cannot be read, and as `find_finished`.
    """
    report = find_finished(output_spec.make_claim(digest_plan_request(plan, output_spec), work_folder))
    with translate_read_errors(plan.film.path):
        return report if report and film_sha256(plan.film.path, plan.film.gaps) == plan.film.sha256 else None


def digest_plan_request(plan: Plan, output_spec: OutputSpec) -> str:
    """Compute a digest of all that decides the results of a render: contents, not where they lie.

    Raises InputError for a reference that cannot be read.
    """
    content = plan.model_dump(mode="json", exclude={"kinemacolor": True, "film": {"path"}, "references": True})
    references = []
    for name, entry in sorted(plan.references.items()):
        with translate_read_errors(entry.path):
            if not entry.path.exists():
                raise InputError(f"the reference {entry.path} does not exist: check the name")
            references.append([name, entry.frame, compute_file_sha256(entry.path)])
    return digest_request(output_spec, [PAINTING_FORMAT, content, references])


def digest_request(output_spec: OutputSpec, decisive: object) -> str:
    """Compute a digest of the names and the encoding of results, and of what else is ``decisive``, as JSON."""
    names = [path and path.name for path in (output_spec.output, output_spec.layer, output_spec.confidence)]
    later = later_defaults(output_spec.encoding)
    encoding = {name: value for name, value in asdict(output_spec.encoding).items() if name not in later}
    content = [names, encoding, decisive]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_still_free(output_setup: OutputSetup) -> None:
    """Check again what `prepare_output` did of names, once they are owned. Raises as there."""
    _check_claim(output_setup.claim, ())


def _check_claim(claim: OutputClaim, inputs: Sequence[Path]) -> None:
    """Check that all files of a claim can be written. Raises as `check_output_path`."""
    replaceable = find_own_partials(claim.work_folder, claim.paths)
    for path in (*claim.paths, claim.record):
        check_output_path(path, inputs, overwrite=claim.overwrite, replaceable=replaceable)


def check_output_path(
    output: Path, inputs: Sequence[Path], *, overwrite: bool, replaceable: Sequence[Path] = ()
) -> None:
    """Check that ``output`` and its ``*.partial.*`` can be written, and that no existing file is lost by it.

    Files in ``replaceable`` may exist already.

    Raises UsageError that says what to do.
    """
    partial = make_partial_path(output)
    check_output_name(output)
    try:
        if not output.absolute().parent.is_dir():
            raise UsageError(f"the folder {output.parent} does not exist: make it first")
        for target in (output, partial):
            for path in inputs:
                if _is_overlapping(target, path):
                    raise UsageError(f"{target} is an input of this job, or holds one: name another result with -o")
            if not os.path.lexists(target) or (target in replaceable and not target.is_symlink()):
                continue
            if target == partial and target.is_symlink():  # no run of ours makes links: it would write through this one
                raise UsageError(f"{target} is a link: remove it, or name another result with -o")
            if target.is_dir() and (target == partial or next(target.iterdir(), None) is not None):
                raise UsageError(f"the folder {target} is not empty: name a new one with -o, or empty it")
            if not target.is_dir() and (is_folder_name(output) or not overwrite):
                raise UsageError(f"{target} exists: name another result with -o, or add --overwrite")
        trial = make_lock_path(output).with_suffix(".trial")  # the same name each time: a killed run leaves no other
        trial.touch()
        trial.unlink(missing_ok=True)
    except OSError as error:
        if machine_fault := find_machine_fault(error):
            raise machine_fault from error
        reason = f"nothing can be written in {output.parent} ({error.strerror})"
        raise UsageError(f"{reason}: choose another folder") from error


def check_output_name(output: Path) -> None:
    """Raise UsageError for a name that no file can have, also with what is added to it while it is written."""
    if "\0" in str(output):
        raise UsageError(f"{str(output)!r} is no name of a file: name another result with -o")
    partial, lock = make_partial_path(output).name, make_lock_path(output).name
    longest = max(len(os.fsencode(name)) for name in (partial, f"{output.name}.work", lock))
    if longest > LONGEST_NAME_BYTES:
        raise UsageError(
            f"{output.name} is too long a name: with what is added while it is written it has {longest} bytes, "
            f"and a disk takes {LONGEST_NAME_BYTES}; choose a shorter one with -o"
        )


def _is_overlapping(target: Path, source: Path) -> bool:
    """Whether writing ``target`` would change ``source``: they are the same, or one is a folder around the other."""
    if target.exists() and source.exists() and target.samefile(source):  # also by a name in other letters
        return True
    target, source = target.resolve(), source.resolve()
    return target == source or target in source.parents or (source.is_dir() and source in target.parents)


def _check_disk_space(
    info: VideoInfo, encoders: dict[Path, EncoderSettings], frames: int, frame_bytes: float, work_folder: Path
) -> None:
    """Check that each disk has room for what will be written there, less what an earlier run has written already.

    ``frame_bytes`` is what ``work_folder`` keeps of a frame.
    Raises ResourceError.
    """
    wanted = {work_folder: frames * frame_bytes}
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

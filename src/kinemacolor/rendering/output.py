"""The files that a render writes, and the checks of them that can be made before the first frame."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kinemacolor.errors import InputError, ResourceError, UsageError, translate_read_errors
from kinemacolor.inference.engines.choice import check_engine
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.options import DeliveryOptions, EncodingOptions, Precision, later_defaults
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import film_sha256
from kinemacolor.provenance.credentials import ResultSigner
from kinemacolor.provenance.record import Record
from kinemacolor.rendering.commit import OutputClaim, find_finished, find_own_partials
from kinemacolor.rendering.delivery import check_bag, describe_delivery, open_signer, place_in_bag
from kinemacolor.rendering.output_names import check_output_path
from kinemacolor.rendering.ownership import make_lock_path
from kinemacolor.rendering.passes import PAINTING_FORMAT
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.utils.device import check_device
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.video.default_container import choose_default_suffix
from kinemacolor.video.disclosure import ResultRole
from kinemacolor.video.encoding import EncoderSettings, choose_encoder
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
    confidence of the model, as a gray film. With ``overwrite`` files that exist are replaced. All lie in the bag of
    ``delivery``, where there is one (`place_in_bag`). ``frame_names``: of the pictures in folders, in order and without
    a suffix, where they are not to be named after the source's.
    """

    output: Path
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    layer: Path | None = None
    confidence: Path | None = None
    overwrite: bool = False
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    frame_names: tuple[str, ...] = ()

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
        archive, bag = self.encoding.archive, self.delivery.bag
        return OutputClaim(request, tuple(self.paths), self.overwrite, work_folder, archive, bag)


@dataclass(frozen=True)
class OutputSetup:
    """An output that was checked: the film, the encoder of each file, warnings, what is claimed, and who signs it."""

    output_spec: OutputSpec
    info: VideoInfo
    encoders: dict[Path, EncoderSettings]
    warnings: list[str]
    claim: OutputClaim
    signer: ResultSigner | None = None

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
    signer = open_signer(output_spec.output, output_spec.delivery)
    if frames is not None:
        frame_bytes = working_pixels * BYTES_PER_PIXEL + luma_bytes
        if output_spec.encoding.parts or signer:  # parts, and then the signed film, lie there
            frame_bytes += info.width * info.height * encoders[output_spec.output].bits_per_pixel / 8
        _check_disk_space(info, encoders, frames, frame_bytes, work_folder)
    warnings = [*_collect_warnings(info, encoders[output_spec.output]), *_list_lost_records(claim)]
    return OutputSetup(output_spec, info, encoders, warnings, claim, signer)


def make_output_spec(
    output: Path,
    encoding: EncodingOptions | None = None,
    delivery: DeliveryOptions | None = None,
    layer: Path | None = None,
    confidence: Path | None = None,
    *,
    overwrite: bool = False,
) -> OutputSpec:
    """Make the spec of files as a user names them: with a bag by their names in it. Raises UsageError for others."""
    delivery = delivery or DeliveryOptions()
    film, layer, confidence = (one and place_in_bag(one, delivery.bag) for one in (output, layer, confidence))
    return OutputSpec(film or output, encoding or EncodingOptions(), layer, confidence, overwrite, delivery)


def default_output_path(
    source: Path,
    label: str = "color",
    encoding: EncodingOptions | None = None,
    delivery: DeliveryOptions | None = None,
) -> Path:
    """Name the result beside its source: ``film.color.mp4`` for ``film.mp4``, in a container that holds what it has.

    A folder or a series of pictures becomes a folder, one picture a picture. Raises InputError for what cannot be
    opened; a film that does not exist is not looked at. For archives (``encoding``) it is Matroska; a bag
    (``delivery``) has it inside.
    """
    base, suffix = make_result_base(source), choose_result_suffix(source)
    if encoding and encoding.archive:
        suffix = ".mkv"
    elif suffix is None and source.is_file():
        suffix = choose_default_suffix(source)
    elif suffix is None:
        own = source.suffix.lower()
        suffix = own if own in (*_WRITABLE_SUFFIXES, *WRITABLE_PICTURE_SUFFIXES) else ".mp4"
    path = base.with_name(f"{base.name}.{label}{suffix}")
    return place_in_bag(Path(path.name), delivery.bag) if delivery and delivery.bag else path


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
    """Compute a digest of the names and the encoding of results, and of what else is ``decisive``, as JSON.

    Raises UsageError for certificates that cannot be read.
    """
    names = [path and path.name for path in (output_spec.output, output_spec.layer, output_spec.confidence)]
    later = later_defaults(output_spec.encoding)
    encoding = {name: value for name, value in asdict(output_spec.encoding).items() if name not in later}
    content = [names, encoding, decisive]
    if delivered := describe_delivery(
        output_spec.delivery
    ):  # later than others: without it digests stay what they were
        content.append(delivered)
    if output_spec.frame_names:
        content.append(output_spec.frame_names)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_still_free(output_setup: OutputSetup) -> None:
    """Check again what `prepare_output` did of names, once they are owned. Raises as there."""
    _check_claim(output_setup.claim, ())


def _check_claim(claim: OutputClaim, inputs: Sequence[Path]) -> None:
    """Check that all files of a claim can be written. Raises as `check_output_path`."""
    replaceable = find_own_partials(claim)
    if claim.bag:
        check_bag(claim.bag, claim.files)
    for path in claim.files:
        check_output_path(path, inputs, overwrite=claim.overwrite, replaceable=replaceable, bag=claim.bag)


def _list_lost_records(claim: OutputClaim) -> list[str]:
    """Name the results of an earlier job whose record is replaced, and which are not results of this one."""
    if not claim.overwrite or not claim.record.is_file():
        return []
    try:
        earlier = [claim.record.with_name(result.name) for result in Record.read(claim.record).results]
    except (InputError, UsageError):  # it is no record
        return []
    results = {path.absolute() for path in claim.paths}
    lost = [path.name for path in earlier if path.absolute() not in results and path.exists()]
    return [f"{name}, of an earlier job, has no record any more: that of {claim.paths[0].name} is new" for name in lost]


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

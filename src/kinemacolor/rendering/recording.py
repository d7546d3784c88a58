"""Makes the record of a render: what it was made from, how, by what, and what came of it."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import torch
from pydantic import ValidationError

from kinemacolor._version import __version__
from kinemacolor.errors import UsageError, translate_read_errors
from kinemacolor.plan.document import Plan, StillEntry
from kinemacolor.provenance.credentials import SignedFacts
from kinemacolor.provenance.record import (
    Record,
    RecordedEncoder,
    RecordedFilledShot,
    RecordedMachine,
    RecordedModel,
    RecordedReference,
    RecordedReport,
    RecordedResult,
    RecordedSource,
    RecordedStill,
    RecordedWeights,
    describe_place,
    make_record_path,
)
from kinemacolor.rendering.delivery import write_synced
from kinemacolor.rendering.output import OutputSetup
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.utils.files import TreeDigest, compute_file_sha256, digest_tree
from kinemacolor.utils.validation_messages import describe_validation_errors
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.output import make_partial_path
from kinemacolor.video.picture_series import locate_film
from kinemacolor.weights.manifest import stored_parts

if TYPE_CHECKING:
    from kinemacolor.rendering.renderer import RenderPlan


_NO_SHA256 = "0" * 64  # of results that are not there yet


def draft_record(render_plan: "RenderPlan", output_setup: OutputSetup) -> Record:
    """Make the record of a render that begins: all but its results and its report, for `finish_record`.

    What cannot be recorded is found here, before the first frame, and films that stills were taken from are read while
    they are still those. Raises UsageError.
    """
    try:
        draft = _make_draft(render_plan, output_setup)
        draft.to_json()
    except ValueError as error:
        reason = describe_validation_errors(error) if isinstance(error, ValidationError) else str(error)
        raise UsageError(f"no record of this job can be made: {reason}") from error
    return draft


def finish_record(
    draft: Record,
    render_plan: "RenderPlan",
    output_setup: OutputSetup,
    report: RenderReport,
    digests: Sequence[TreeDigest],
) -> Record:
    """Complete the record of a render whose results have these digests, in their order.

    Results of a film that was cut off have the names of partial ones.
    """
    results = (
        RecordedResult(role=role, name=(make_partial_path(path) if report.ended_early else path).name, **one._asdict())
        for (role, path), one in zip(output_setup.output_spec.results, digests, strict=True)
    )
    changes = {
        "is_signed": output_setup.signer is not None and not report.ended_early,
        "made_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "results": tuple(results),
        "report": _record_report(report, _list_folders(render_plan, output_setup)),
    }
    return draft.model_copy(update=changes)


def _make_draft(render_plan: "RenderPlan", output_setup: OutputSetup) -> Record:
    output_spec, folder = output_setup.output_spec, output_setup.claim.record.absolute().parent
    plan = _name_places(render_plan.plan, folder)
    return Record(
        made_utc="",
        results=tuple(
            RecordedResult(role=role, name=path.name, sha256=_NO_SHA256) for role, path in output_spec.results
        ),
        source=_record_source(plan, output_setup.info),
        references=_record_references(plan, render_plan),
        model=_record_model(plan),
        encoding=output_spec.encoding,
        encoders={role: _record_encoder(output_setup, path) for role, path in output_spec.results},
        machine=RecordedMachine(
            **render_plan.work.runtime._asdict(),
            torch_threads=render_plan.work.torch_threads,
            rows=render_plan.rows,
            processor=platform.machine(),
            system=platform.system(),
        ),
        versions=_list_versions(render_plan.work.runtime.engine),
        report=RecordedReport(frames=0, shots=0, mean_confidence=0),
        plan=plan,
    )


def sign_film(render_plan: "RenderPlan", output_setup: OutputSetup, film: Path) -> None:
    """Sign a finished film, which says then which gray one it was made from, and by what. Raises as `ResultSigner`."""
    assert output_setup.signer is not None
    plan, output = render_plan.plan, output_setup.output_spec.output
    more = {
        "source_sha256": plan.film.sha256,
        "reference_sha256": sorted(render_plan.reference_digests.values()),
        "model": plan.model,
        "weights_sha256": dict(plan.weights),
    }
    facts = SignedFacts(output.name, locate_film(plan.film.path), more)
    output_setup.signer.sign(film, render_plan.work.folder, facts)


def write_partial_record(
    draft: Record, render_plan: "RenderPlan", output_setup: OutputSetup, report: RenderReport
) -> None:
    """Write the record beside the partial results of a film that was cut off, and complete it for that.

    Raises InputError or ResourceError where the disk refuses.
    """
    partials = [make_partial_path(path) for path in output_setup.claim.paths]
    with translate_read_errors(partials[0]):
        digests = [digest_tree(path) for path in partials]
    record = finish_record(draft, render_plan, output_setup, report, digests)
    write_synced(make_record_path(partials[0]), record.to_json())


def _name_places(plan: Plan, folder: Path) -> Plan:
    """Return a plan with the references that count, and with places as a record in ``folder`` tells them."""
    used = {name for shot in plan.shots for name in shot.references}
    references = {name: entry for name, entry in plan.references.items() if name in used}
    return plan.model_copy(update={"references": references}).with_moved_paths(
        lambda path: Path(describe_place(path, folder))
    )


def _record_source(plan: Plan, info: VideoInfo) -> RecordedSource:
    film = plan.film
    return RecordedSource(
        place=film.path.as_posix(),
        sha256=film.sha256,
        frames=film.frames,
        width=info.width,
        height=info.height,
        rate=str(info.rate) if info.rate else None,
        start_seconds=film.start_seconds,
        end_seconds=film.end_seconds,
    )


def _record_references(plan: Plan, render_plan: "RenderPlan") -> dict[str, RecordedReference]:
    """Record the references of a plan with places."""
    digests: dict[Path, str | None] = {}

    def record_still(still: StillEntry | None, placed: StillEntry | None) -> RecordedStill | None:
        if still is None or placed is None:
            return None
        if still.path not in digests:
            digests[still.path] = _find_digest(still.path)
        sha256 = digests[still.path]
        return RecordedStill(place=placed.path.as_posix(), sha256=sha256, frame=still.frame) if sha256 else None

    found = {}
    for name, entry in plan.references.items():
        original = render_plan.plan.references[name]
        found[name] = RecordedReference(
            place=entry.path.as_posix(),
            sha256=render_plan.reference_digests[original.path],
            frame=entry.frame,
            shots=tuple(number for number, shot in enumerate(plan.shots, 1) if name in shot.references),
            still_of=record_still(original.still_of, entry.still_of),
        )
    return found


def _find_digest(film: Path) -> str | None:
    """Compute the sha256 of a film that stills were taken from; None where it lies there no more."""
    try:
        return compute_file_sha256(film)
    except OSError:
        return None


def _record_model(plan: Plan) -> RecordedModel:
    parts = {part.name: part.entry for part in stored_parts(plan.model)}
    weights = (
        RecordedWeights(
            part=name,
            sha256=sha256,
            licence=parts[name].licence,
            non_commercial=parts[name].non_commercial,
            provenance=parts[name].provenance,
        )
        for name, sha256 in plan.weights.items()
    )
    return RecordedModel(name=plan.model, weights=tuple(weights))


def _record_encoder(output_setup: OutputSetup, path: Path) -> RecordedEncoder:
    encoder = output_setup.encoders[path]
    return RecordedEncoder(name=encoder.name, pixel_format=encoder.pixel_format, options=dict(encoder.options))


def _list_versions(engine: str) -> dict[str, str]:
    """List the versions of all that decides bytes."""
    libraries = {name: ".".join(map(str, numbers)) for name, numbers in sorted(av.library_versions.items())}
    found = {
        "kinemacolor": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "av": av.__version__,
        **libraries,
    }
    if engine == "openvino":
        try:
            found["openvino"] = version("openvino")
        except PackageNotFoundError:  # built by hand
            found["openvino"] = "unknown"
    return found


def _list_folders(render_plan: "RenderPlan", output_setup: OutputSetup) -> list[Path]:
    """List the folders whose names warnings may have in them."""
    plan = render_plan.plan
    files = [plan.film.path, *(entry.path for entry in plan.references.values()), render_plan.work.folder]
    return [file.absolute().parent for file in (*files, *output_setup.claim.paths)]


def _record_report(report: RenderReport, folders: Iterable[Path]) -> RecordedReport:
    def hide_folders(text: str) -> str:
        for folder in sorted({*folders, Path.home()}, key=lambda one: -len(str(one))):
            text = text.replace(f"{folder}/", "").replace(f"{folder}\\", "")
        return text

    return RecordedReport(
        frames=report.frames,
        shots=report.shots,
        mean_confidence=report.mean_confidence,
        filled=report.filled,
        filled_by_shot=tuple(RecordedFilledShot(**asdict(shot)) for shot in report.filled_by_shot),
        corrupt_packets=report.corrupt_packets,
        ended_early=report.ended_early and hide_folders(report.ended_early),
        warnings=tuple(map(hide_folders, report.warnings)),
    )

"""The public functions of the library: the whole job, and each of its steps, as functions of paths."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.models.catalog import check_fill, find_model
from kinemacolor.options import (
    DEFAULT_MODEL,
    DeliveryOptions,
    Detector,
    EncodingOptions,
    GapHandling,
    RenderOptions,
    check_options,
)
from kinemacolor.plan import planner, stills
from kinemacolor.plan.document import Plan, check_seconds
from kinemacolor.plan.keyframe_selection import Suggestion, suggest_frames_of_survey
from kinemacolor.plan.survey import survey_film
from kinemacolor.references.load import ReferenceReader, load_reference
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.again import AgainReport, AgainRequest, run_again
from kinemacolor.rendering.delivery import place_in_bag
from kinemacolor.rendering.one_shot import ColorizeRequest, run_request
from kinemacolor.rendering.output import find_finished_render, make_output_spec, prepare_plan_output
from kinemacolor.rendering.output_names import check_output_path
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.utils.device import check_device
from kinemacolor.verification.check import Check
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.picture_series import locate_film, make_result_base
from kinemacolor.video.reader import probe_film

AnyPath = str | PathLike[str]


def colorize(
    film: AnyPath,
    reference: AnyPath | Sequence[AnyPath],
    output: AnyPath,
    *,
    model: str = DEFAULT_MODEL,
    options: RenderOptions | None = None,
    encoding: EncodingOptions | None = None,
    delivery: DeliveryOptions | None = None,
    device: str = "auto",
    engine: str = "auto",
    jobs: int | None = None,
    start_seconds: float = 0,
    end_seconds: float | None = None,
    gaps: GapHandling = "error",
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> RenderReport:
    """Colorize a film, a picture, or a folder or pattern (``scans/shot1_*.png``) of numbered pictures.

    ``gaps``: of numbers that are missing, "hold" shows the picture before, "skip" goes on with the next.
    A reference is a picture, a folder of them or a colour film; ``still.png@123`` is a picture of frame 123.
    ``jobs`` processes paint shots side by side; None: as many as cores, memory and shots allow.
    With a bag as ``delivery``, ``output`` is the name of the result in it.
    A run that was stopped continues where it was when it is called again with the same arguments; where it was finished
    the report of that run comes back at once.

    Raises a KinemacolorError for what the caller can correct; of these PartialError, which has the report of the part
    that was written, where the film ends early.
    """
    request = ColorizeRequest(
        source=Path(film),
        references=_parse_references(reference),
        output=place_in_bag(Path(output), delivery.bag if delivery else None),
        model=model,
        options=options or RenderOptions(),
        device=device,
        engine=engine,
        jobs=jobs,
        encoding=encoding or EncodingOptions(),
        delivery=delivery or DeliveryOptions(),
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        gaps=gaps,
        overwrite=overwrite,
    )
    return run_request(request, on_progress=on_progress)


def preview(
    film: AnyPath,
    reference: AnyPath | Sequence[AnyPath],
    output: AnyPath,
    *,
    at_seconds: Sequence[float] = (0.0,),
    model: str = DEFAULT_MODEL,
    options: RenderOptions | None = None,
    device: str = "auto",
    gaps: GapHandling = "error",
    overwrite: bool = False,
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Write one picture with a row for each time: gray, colorized and confidence. Frames are colorized without history.

    With ``fill`` a row ends with what is filled (white): the part of the colours that no reference shows. ``on_frame``
    gets the number of rows made so far.

    Raises UsageError for a time that the film does not have or an output that exists, InputError for unreadable files.
    """
    found = [one for spec in _parse_references(reference) for one in spec.list_references()]
    if not found or not at_seconds:
        raise UsageError("a preview needs a reference and a time")
    for seconds in at_seconds:
        check_seconds(seconds, None)
    if Path(output).suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{output} is no picture's name: end it with .png or .jpg")
    check_output_path(Path(output), (locate_film(Path(film)), *(one.path for one in found)), overwrite=overwrite)
    check_options(options or RenderOptions())
    check_fill(find_model(model).spec, fill=options is not None and options.fill)
    check_device(device)
    probe_film(Path(film), gaps)
    reader = ReferenceReader()
    pictures = [reader.load(one).image for one in found]
    from kinemacolor.inference.preview import write_preview  # torch comes with it
    from kinemacolor.weights.registry import load_model

    write_preview(
        Path(film),
        pictures,
        at_seconds,
        Path(output),
        load_model(model),
        options,
        device=device,
        gaps=gaps,
        on_frame=on_frame,
    )


def make_plan(
    film: AnyPath,
    reference: AnyPath | Sequence[AnyPath],
    *,
    model: str = DEFAULT_MODEL,
    options: RenderOptions | None = None,
    start_seconds: float = 0,
    end_seconds: float | None = None,
    gaps: GapHandling = "error",
    references_per_shot: int = planner.REFERENCES_PER_SHOT,
    shot_list: AnyPath | None = None,
    detector: Detector = "luma",
    stills_folder: AnyPath | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Plan:
    """Find the shots of a film and choose references for each; the plan may be edited, written and rendered.

    ``shot_list``: a CSV, EDL or OpenTimelineIO file, used instead of the ``detector``. Stills of colour films are
    written into ``stills_folder``, by default FILM.plan.stills. ``on_frame`` gets the number of frames read so far.

    Raises InputError for a film or reference that cannot be read, UsageError for references that do not fit.
    """
    source, beside = Path(film), make_result_base(Path(film)).absolute()
    request = planner.PlanRequest(
        film=source,
        reference_specs=_parse_references(reference),
        stills_folder=Path(stills_folder) if stills_folder else beside.with_name(f"{beside.name}.plan.stills"),
        model=model,
        options=options or RenderOptions(),
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        gaps=gaps,
        references_per_shot=references_per_shot,
        shot_list=Path(shot_list) if shot_list else None,
        detector=detector,
    )
    plan, _ = planner.make_plan(request, on_frame)
    return plan


def suggest_frames(
    film: AnyPath,
    budget: int,
    *,
    references: Sequence[AnyPath] = (),
    start_seconds: float = 0,
    end_seconds: float | None = None,
    gaps: GapHandling = "error",
    shot_list: AnyPath | None = None,
    detector: Detector = "luma",
    on_frame: Callable[[int], None] | None = None,
) -> list[Suggestion]:
    """Name at most ``budget`` frames of a film that are worth colouring, the best first.

    ``references`` are there already. ``on_frame`` gets the number of frames read so far.

    Raises InputError for a film or reference that cannot be read, UsageError for seconds that no film has.
    """
    check_seconds(start_seconds, end_seconds)
    known = [load_reference(one.path) for spec in _parse_references(references) for one in spec.list_references()]
    survey = survey_film(
        Path(film),
        shot_list=Path(shot_list) if shot_list else None,
        detector=detector,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        gaps=gaps,
        on_frame=on_frame,
    )
    return suggest_frames_of_survey(survey, budget, known)


def extract_frames(
    film: AnyPath, frames: Sequence[int], folder: AnyPath, *, start_seconds: float = 0, gaps: GapHandling = "error"
) -> list[Path]:
    """Write frames of a film as pictures to colour, ``ref_000123.png``; errors as `kinemacolor.plan.stills`."""
    check_seconds(start_seconds, None)
    return stills.extract_frames(Path(film), frames, Path(folder), start_seconds=start_seconds, gaps=gaps)


def render(
    plan: Plan | AnyPath,
    output: AnyPath,
    *,
    work_folder: AnyPath | None = None,
    encoding: EncodingOptions | None = None,
    delivery: DeliveryOptions | None = None,
    layer: AnyPath | None = None,
    confidence: AnyPath | None = None,
    device: str = "auto",
    engine: str = "auto",
    jobs: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> RenderReport:
    """Colorize a film as its plan says. A stopped run continues; of a changed plan only what changed is predicted anew.

    Where an earlier run has finished the same, its report comes back at once.
    Predictions stay in ``work_folder``, by default OUTPUT.work. ``layer``: also write the colours alone, on middle
    gray; ``confidence``: also write the confidence of the model, as a gray film. ``delivery`` and ``jobs`` as in
    `colorize`; in a bag, all three lie by their names.

    Raises InputError and WeightsError where film, references or weights are not the plan's, UsageError and
    ResourceError for results that cannot be written; PartialError, with the report, where the film is cut off.
    """
    chosen = plan if isinstance(plan, Plan) else Plan.read(Path(plan))
    output_spec = make_output_spec(
        Path(output),
        encoding,
        delivery,
        Path(layer) if layer else None,
        Path(confidence) if confidence else None,
        overwrite=overwrite,
    )
    target = (output_spec.delivery.bag or output_spec.output).absolute()
    work = Path(work_folder) if work_folder else target.with_name(f"{target.name}.work")
    if finished := find_finished_render(chosen, output_spec, work):
        return finished
    inputs = [] if isinstance(plan, Plan) else [Path(plan)]
    spec = find_model(chosen.model).spec
    output_setup = prepare_plan_output(chosen, output_spec, spec, work, device=device, engine=engine, inputs=inputs)
    from kinemacolor.rendering.renderer import RenderPlan  # torch comes with it
    from kinemacolor.rendering.side_by_side import render_in_jobs
    from kinemacolor.weights.registry import load_model

    render_plan = RenderPlan(chosen, load_model(chosen.model), work, device=device, engine=engine)
    return render_in_jobs(render_plan, output_setup, on_progress, jobs)


def make_again(
    record: AnyPath,
    output: AnyPath | None = None,
    *,
    source: AnyPath | None = None,
    references: AnyPath | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> AgainReport:
    """Make the results of a record (``RESULT.kinemacolor.json``) again, and compare them with the recorded ones.

    ``output``: the film, by default ``FILM-again.*`` beside the record; other results get their names beside it.
    ``source`` and ``references``, a folder that is searched by sha256, are needed where they have moved. ``jobs`` as in
    `colorize`. A run that was stopped goes on.

    Raises InputError for files that are missing or are not those of the record, WeightsError for other weights,
    UsageError for a record that is none, and as `render`.
    """
    request = AgainRequest(
        record=Path(record),
        output=Path(output) if output else None,
        source=Path(source) if source else None,
        references=Path(references) if references else None,
        jobs=jobs,
        overwrite=overwrite,
    )
    return run_again(request, on_progress)


def verify(
    source: AnyPath,
    result: AnyPath,
    *,
    gaps: GapHandling = "error",
    start_seconds: float = 0,
    end_seconds: float | None = None,
) -> list[Check]:
    """Compare a result with its source: frames, timestamps, streams, luma. Raises InputError for unreadable files.

    ``gaps``, ``start_seconds`` and ``end_seconds`` are those of `colorize`; a result with a record beside it needs
    neither start nor end.
    """
    return verify_film(Path(source), Path(result), gaps, start_seconds, end_seconds)


def _parse_references(given: AnyPath | Sequence[AnyPath]) -> tuple[ReferenceSpec, ...]:
    """Parse one reference or several, as -r does."""
    paths = [given] if isinstance(given, str | PathLike) else list(given)
    return tuple(ReferenceSpec.parse(str(path)) for path in paths)

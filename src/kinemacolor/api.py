"""The main job as one function."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from kinemacolor.options import DEFAULT_MODEL, EncodingOptions, SessionOptions
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.render import one_shot as jobs
from kinemacolor.render.progress import RenderReport
from kinemacolor.weights.registry import load_model

AnyPath = str | PathLike[str]


def colorize(
    film: AnyPath,
    reference: AnyPath | Sequence[AnyPath],
    output: AnyPath,
    *,
    model: str = DEFAULT_MODEL,
    session: SessionOptions | None = None,
    encoding: EncodingOptions | None = None,
    start_seconds: float = 0,
    end_seconds: float | None = None,
    overwrite: bool = False,
) -> RenderReport:
    """Colorize a film, a picture or a folder of numbered pictures.

    A reference is a picture, a folder of them or a colour film; ``still.png@123`` is a picture of frame 123.
    A run that was stopped goes on where it was when it is asked for again.

    Raises a KinemacolorError for what the caller can mend; PartialError carries the report of
    what was kept where the film ends before its time.
    """
    references = [reference] if isinstance(reference, str | PathLike) else list(reference)
    request = jobs.ColorizeRequest(
        source=Path(film),
        references=tuple(ReferenceSpec.parse(str(path)) for path in references),
        output=Path(output),
        session=session or SessionOptions(),
        encoding=encoding or EncodingOptions(),
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        overwrite=overwrite,
    )
    output_setup = jobs.run_preflight_checks(request, model)
    return jobs.run_colorize_request(request, jobs.plan_or_resume(request, model), output_setup, load_model(model))

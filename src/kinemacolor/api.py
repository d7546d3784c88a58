"""The main job as one function."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from kinemacolor.options import DEFAULT_MODEL, EncodingOptions, SessionOptions
from kinemacolor.render import Job, Report, preflight, render
from kinemacolor.weights import load_model

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
    in_shot: bool = False,
    overwrite: bool = False,
) -> Report:
    """Colorize a film, a picture or a folder of numbered pictures.

    Raises a KinemacolorError for what the caller can mend; PartialError carries the report of
    what was kept where the film ends before its time.
    """
    references = [reference] if isinstance(reference, str | PathLike) else list(reference)
    job = Job(
        source=Path(film),
        references=tuple(Path(path) for path in references),
        output=Path(output),
        session=session or SessionOptions(),
        encoding=encoding or EncodingOptions(),
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        in_shot=in_shot,
        overwrite=overwrite,
    )
    prepared = preflight(job)
    return render(prepared, load_model(model))

"""Colorizes the film that ships with the package, as a demonstration."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.inference.preview import write_preview
from kinemacolor.options import SAMPLE_FILM, SAMPLE_REFERENCE
from kinemacolor.references.load import load_reference
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.one_shot import ColorizeRequest, run_request
from kinemacolor.rendering.progress import Progress
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.weights.registry import load_model


@dataclass(frozen=True)
class DemoResult:
    """Paths of the colorized film and of the picture that compares two of its frames."""

    film: Path
    picture: Path


def run_demo(folder: Path, on_progress: Callable[[Progress], None] | None = None) -> DemoResult:
    """Colorize the sample into ``folder``; the files of an earlier demo there are replaced.

    Raises UsageError where the folder cannot be made.
    """
    check_outside_bags(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made ({error.strerror}): name another with -o") from error
    result = DemoResult((folder / "sample.color.mp4").resolve(), (folder / "sample.preview.png").resolve())
    package = files("kinemacolor")
    with as_file(package.joinpath(SAMPLE_FILM)) as film, as_file(package.joinpath(SAMPLE_REFERENCE)) as reference:
        model = load_model()
        request = ColorizeRequest(film, (ReferenceSpec(reference),), result.film, overwrite=True)
        run_request(request, model, on_progress)
        write_preview(film, [load_reference(reference)], [0, 0.8], result.picture, model)
    return result

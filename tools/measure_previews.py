"""Measures what single frames of the page cost, and how near the spread of strokes is to a render.

python tools/measure_previews.py FILM REFERENCE [--frame 20] [--neighbours 16,24,28]

CPU-seconds of one thread. Strokes are two rectangles of other colours; differences are means of ab, in Lab units.
"""

import argparse
import base64
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from kinemacolor.plan.document import Plan
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.web.corrections import PNG_DATA_PREFIX
from kinemacolor.web.frame_previews import FramePreviewer
from kinemacolor.web.frame_regions import save_regions
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project_at
from kinemacolor.web.requests import AnalyzeFilm, MakePlan, RenderFilm
from kinemacolor.web.worker import analyze_film, make_project_plan, render_film

STRONG = 8.0  # Lab units: what a render changes by more than that is changed strongly


def make_project(folder: Path, film: Path, reference: Path) -> tuple[Project, Plan]:
    """Make a project of a film with a reference, and its plan."""
    project = create_project_at(folder, film.absolute())
    (folder / "references").mkdir()
    (folder / "references" / f"still{reference.suffix}").write_bytes(reference.read_bytes())
    analyze_film(project, AnalyzeFilm(), lambda *told: None)
    return project, make_project_plan(project, MakePlan(), lambda *told: None)


def take_time(words: str, work: Callable[[], object]) -> None:
    """Print the CPU-seconds of some work."""
    before = time.process_time()
    work()
    print(f"{words:42s} {time.process_time() - before:5.2f}")


def paint_layer(size: tuple[int, int]) -> str:
    """Paint two rectangles on a transparent layer of ``size``, as the page sends it."""
    rows, columns = size
    layer = np.zeros((rows, columns, 4), np.uint8)
    layer[int(0.55 * rows) : int(0.75 * rows), int(0.35 * columns) : int(0.6 * columns)] = (200, 90, 60, 255)
    layer[int(0.1 * rows) : int(0.2 * rows), int(0.7 * columns) : int(0.95 * columns)] = (60, 90, 190, 255)
    stream = io.BytesIO()
    Image.fromarray(layer).save(stream, "PNG")
    return f"{PNG_DATA_PREFIX},{base64.b64encode(stream.getvalue()).decode()}"


def read_ab(rgb: UInt8Array) -> Float32Array:
    """Return ab ``H W 2`` of sRGB ``H W 3``."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:], np.float32)


def measure(project: Project, frame: int, neighbours: list[int]) -> None:
    """Print all times, and the differences from a render."""
    previewer = FramePreviewer("cpu")
    previewer.warm_up()
    take_time("first frame, model loaded", lambda: previewer.preview_frame(project, frame))
    take_time("another frame of the shot", lambda: previewer.preview_frame(project, neighbours[-1]))
    take_time("another saturation", lambda: previewer.preview_frame(project, frame, saturation=1.2))
    take_time("another edge filter: guided", lambda: previewer.preview_frame(project, frame, edge_filter="guided"))
    take_time("another edge filter: fgs", lambda: previewer.preview_frame(project, frame, edge_filter="fgs"))
    take_time("thumbnail", lambda: previewer.save_thumbnail(project, neighbours[0]))
    take_time("regions", lambda: save_regions(project, frame))
    layer = paint_layer(previewer.open_frame(project, frame).size)
    found = []
    words = f"spread over {len(neighbours)} frames"
    take_time(words, lambda: found.extend(previewer.spread_strokes(project, frame, layer, None, neighbours)))
    previewer.correct_by_strokes(project, frame, layer, None)
    render_film(project, RenderFilm(), lambda *told: None, "cpu", project.folder / "rendered")
    for one in found:
        rendered = read_ab(previewer.color_frame(project, one.frame))
        before, after = (read_ab(np.asarray(Image.open(path))) for path in (one.before, one.after))
        change, miss = (np.linalg.norm(rendered - other, axis=-1) for other in (before, after))
        strong = change > STRONG
        print(
            f"frame {one.frame}: a render changes {change.mean():.2f}, the spread misses it by {miss.mean():.2f}; "
            f"where it changes strongly ({strong.mean():.0%}) {change[strong].mean():.1f} and {miss[strong].mean():.1f}"
        )


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--frame", type=int, default=20)
    parser.add_argument("--neighbours", default="16,24,28")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        project, _ = make_project(Path(folder), given.film, given.reference)
        measure(project, given.frame, [int(one) for one in given.neighbours.split(",")])


if __name__ == "__main__":
    main()

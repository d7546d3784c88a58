"""Where the page gets pictures and films of a project, and the values of the parts that show them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kinemacolor.video.reader import probe_film
from kinemacolor.web.frame_answers import FramePreview
from kinemacolor.web.project import Project


def file_url(project: Project, path: Path) -> str:
    """Where the page gets a file of a project; another address when the file has changed."""
    inside = path.relative_to(project.folder).as_posix()
    return f"/api/projects/{project.name}/files/{quote(inside)}?v={path.stat().st_mtime_ns}"


def look_url(project: Project, path: Path) -> str:
    """The same for a still, whose name tells it from others."""
    return f"/api/projects/{project.name}/files/look/{quote(path.name)}"


def reference_url(project: Project, name: str, path: Path) -> str:
    """A reference of a plan, of a size to look at."""
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return f"/api/projects/{project.name}/references/{quote(name, safe='')}?v={stamp}"


def reference_values(project: Project, names: Sequence[str]) -> list[dict[str, str]]:
    """What parts show of those of these references that the plan still has."""
    known = project.require_plan().references
    return [{"name": name, "image": reference_url(project, name, known[name].path)} for name in names if name in known]


def still_value(project: Project, still: FramePreview, alt: str) -> dict[str, Any]:
    """What `before_after` shows."""
    return {
        "gray": look_url(project, still.gray),
        "color": look_url(project, still.color),
        "confidence": look_url(project, still.confidence),
        "width": still.size[1],
        "height": still.size[0],
        "alt": alt,
    }


def player_value(project: Project, file: str, title: str, *, correctable: bool = False) -> dict[str, Any] | None:
    """What `compare_player` shows of a film that lies gray and coloured side by side; None where there is none."""
    path = project.folder / file
    if not path.is_file():
        return None
    info = probe_film(path)
    return {
        "film": file_url(project, path),
        "width": info.width // 2,
        "height": info.height,
        "rate": float(info.rate or 24),
        "title": title,
        "correctable": correctable,
    }

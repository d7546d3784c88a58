"""What a user should know of a film before colouring it. Loads no torch."""

from pydantic import BaseModel

from kinemacolor.rendering.output import HDR_TRANSFERS
from kinemacolor.utils.times import format_time
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import probe_film
from kinemacolor.web.project import Project


class FilmCard(BaseModel):
    """What a user should know of a film. Sizes are those on a display, in px.

    ``duration``: as H:MM:SS.s. ``start_seconds``, ``end_seconds``: the part that the project works on. ``warnings``:
    sentences for the user.
    """

    title: str
    width: int
    height: int
    rate: float | None
    frames: int | None
    duration: str | None
    duration_seconds: float | None
    depth: int
    codec: str
    start_seconds: float
    end_seconds: float | None
    warnings: list[str]


def describe_film(project: Project) -> FilmCard:
    """Describe the film of a project. Raises InputError for a film that cannot be read."""
    info, entry = probe_film(project.film), project.entry
    is_turned = info.orientation.is_sideways
    shown_size = round(info.width * float(info.sample_aspect or 1)), info.height
    width, height = shown_size[::-1] if is_turned else shown_size
    return FilmCard(
        title=entry.title,
        width=width,
        height=height,
        rate=None if info.rate is None else round(float(info.rate), 3),
        frames=info.expected_frames,
        duration=None if info.duration_seconds is None else format_time(info.duration_seconds),
        duration_seconds=info.duration_seconds,
        depth=info.depth,
        codec=info.codec,
        start_seconds=entry.start_seconds,
        end_seconds=entry.end_seconds,
        warnings=_film_warnings(info),
    )


def _film_warnings(info: VideoInfo) -> list[str]:
    """List what a user should know before colouring this film, as sentences."""
    found = []
    if info.is_interlaced:
        found.append("The film is interlaced: each frame takes the colours of its first field.")
    if info.colors.transfer in HDR_TRANSFERS:
        found.append("The film is HDR: colours of bright parts are approximate.")
    if info.rate is None and not info.is_pictures:
        found.append("The film does not say its rate: times are those of its frames.")
    if info.has_alpha:
        found.append("The film's transparency is left out.")
    if min(info.width, info.height) < 64:
        found.append("The film is very small: at least 64 pixels a side are wanted.")
    return found

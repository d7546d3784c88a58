"""When the frames of a film are shown, of the longest part that was looked at: they count those of other parts."""

from bisect import bisect_left

from pydantic import BaseModel, ConfigDict

from kinemacolor.plan.survey import Survey
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS
from kinemacolor.web.project_entry import FilmPart
from kinemacolor.web.project_folder import ProjectFolder

MANY = 2**31  # frames: more than a film has


class KnownTimes(BaseModel):
    """Contents of `times.json`: the part of the film, and the time of each of its frames, in seconds as the part's."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    start_seconds: float
    end_seconds: float | None
    seconds: list[float]

    def knows_until(self, end_seconds: float | None) -> bool:
        """Whether the frames up to a time are known, those behind the start; None: up to the film's end."""
        return self.end_seconds is None or (end_seconds is not None and end_seconds <= self.end_seconds)

    def find_frames(self, part: FilmPart, start_seconds: float) -> range | None:
        """Find which frames a part has, counted from another start, perhaps from below 0; None where nobody knows.

        Where its end is not known, it lies behind all frames that are.
        """
        start, end = part
        if min(start, start_seconds) < self.start_seconds:
            return None
        zero, first = self._count_before(start_seconds), self._count_before(start)
        stop = MANY if end is None or not self.knows_until(end) else self._count_before(end)
        return range(first - zero, max(first, stop) - zero)

    def _count_before(self, seconds: float) -> int:
        """Count the known frames before a time, as `VideoReader` leaves them out of what begins or ends there."""
        return bisect_left(self.seconds, seconds - TIME_TOLERANCE_SECONDS) if seconds > 0 else 0


def read_known_times(project: ProjectFolder) -> KnownTimes | None:
    """Read the known times of a film; None before it was looked at."""
    try:
        return KnownTimes.model_validate_json((project.folder / "times.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep_known_times(project: ProjectFolder, part: FilmPart, film_survey: Survey) -> None:
    """Keep the times of a part of the film, unless those of a longer one are known. Raises ResourceError."""
    known = read_known_times(project)
    if known and known.start_seconds <= part[0] and known.knows_until(part[1]):
        return
    info = film_survey.info
    seconds = [float(pts * info.time_base) - info.origin_seconds for pts in film_survey.pts]
    with write_file_atomically(project.folder / "times.json") as stream:
        times = KnownTimes(start_seconds=part[0], end_seconds=part[1], seconds=seconds)
        stream.write(times.model_dump_json().encode())

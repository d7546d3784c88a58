"""How far a job is: what its process counts, and how much it expects."""

from collections.abc import Callable

from kinemacolor.plan.planner import PlanRequest
from kinemacolor.plan.similarity import FrameEmbedding, FrameEncoder
from kinemacolor.plan.survey import SAMPLES_PER_SHOT, Survey
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.reader import probe_film
from kinemacolor.web.project import Project

ProgressCallback = Callable[[str, int, int | None], None]  # of a step what is done, and of how much


class CountingEncoder:
    """A `FrameEncoder` that tells how many pictures it has encoded, and of how many."""

    def __init__(self, encoder: FrameEncoder, tell: Callable[[int, int | None], None], expected: int | None) -> None:
        self._encoder, self._tell, self._expected, self._done = encoder, tell, expected, 0

    def encode_frame(self, gray: UInt8Array) -> FrameEmbedding:
        """As the encoder that it counts for."""
        embedding = self._encoder.encode_frame(gray)
        self._done += 1
        self._tell(self._done, self._expected)
        return embedding


def expect_frames(project: Project) -> int | None:
    """Estimate how many frames the part of the film has that a project works on; None where the film does not say."""
    info, entry = probe_film(project.film), project.entry
    whole, seconds = info.expected_frames, info.duration_seconds
    if whole is None or entry.part == (0, None):
        return whole
    if not seconds:
        return None
    end = seconds if entry.end_seconds is None else min(entry.end_seconds, seconds)
    return max(1, round(whole * (end - entry.start_seconds) / seconds))


def expect_pictures(request: PlanRequest, film_survey: Survey) -> int | None:
    """Count the pictures that are encoded for a plan; None where stills of a colour film are still to be taken."""
    if any(spec.is_film for spec in request.reference_specs):
        return None
    references = sum(len(spec.list_references()) for spec in request.reference_specs)
    return references + sum(len(film_survey.samples_in_shot(shot, SAMPLES_PER_SHOT)) for shot in film_survey.shots)

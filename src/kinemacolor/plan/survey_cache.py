"""Stores a survey as a folder: numbers as JSON, samples as JPEG files, all with their checksums."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kinemacolor.errors import InputError
from kinemacolor.plan.survey import Survey
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.checked_files import has_sha256, read_checked_json, read_kept_file, write_checked_json
from kinemacolor.utils.files import translate_disk_errors, write_folder_atomically
from kinemacolor.video.random_access import FrameIndex
from kinemacolor.video.reader import probe_film

_SURVEY_FILE = "survey.json"


class _StoredSurvey(BaseModel):
    """The numbers of a survey; ``samples``: the sha256 of each by frame number, None in one of a version before."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    index: FrameIndex
    pts: list[int]
    shots: tuple[Shot, ...]
    ended_early: str | None
    samples: dict[int, str] | None = None


def save_survey(film_survey: Survey, folder: Path) -> None:
    """Write a survey as a folder, whole or not at all. Raises ResourceError where the disk is full or refuses."""
    content = {
        "index": asdict(film_survey.index),
        "pts": list(film_survey.pts),
        "shots": [asdict(shot) for shot in film_survey.shots],
        "ended_early": film_survey.ended_early,
        "samples": {str(at): hashlib.sha256(one).hexdigest() for at, one in film_survey.samples.items()},
    }
    with write_folder_atomically(folder) as new:
        with translate_disk_errors(folder):
            for frame, picture in film_survey.samples.items():
                sample_path(new, frame).write_bytes(picture)
        write_checked_json(new / _SURVEY_FILE, content)


def load_survey(folder: Path, film: Path) -> Survey | None:
    """Load the survey of ``film`` that `save_survey` wrote into ``folder``; None where there is none, or it is damaged.

    Samples are checked now, and read from the folder when they are asked for. Raises InputError for a film that cannot
    be read, ResourceError where memory or descriptors are used up.
    """
    stored = _read_stored_survey(folder)
    if stored is None:
        return None
    if stored.samples is None:
        digests = {int(file.stem): None for file in folder.glob("*.jpg") if file.stem.isdecimal()}
        samples = _SampleFiles(folder, dict.fromkeys(sorted(digests)))
    elif all(has_sha256(sample_path(folder, frame), sha256) for frame, sha256 in stored.samples.items()):
        samples = _SampleFiles(folder, stored.samples)
    else:
        return None
    info = probe_film(film, stored.index.gaps)
    return Survey(info, stored.index, stored.pts, stored.shots, samples, stored.ended_early)


def read_frame_count(folder: Path) -> int | None:
    """Return how many frames the film of a survey has, without opening it; None where none is there, or damaged."""
    stored = _read_stored_survey(folder)
    return stored.index.frames if stored else None


def _read_stored_survey(folder: Path) -> _StoredSurvey | None:
    """Read the numbers of a survey; None where they are missing or damaged."""
    content: Any = read_checked_json(folder / _SURVEY_FILE)
    is_checked = content is not None
    if not is_checked:  # one of a version before has no checksum
        try:
            content = json.loads(read_kept_file(folder / _SURVEY_FILE) or b"")
        except (ValueError, RecursionError):
            return None
    try:
        stored = _StoredSurvey.model_validate(content)
    except ValidationError:
        return None
    return stored if is_checked == (stored.samples is not None) and stored.pts else None


class _SampleFiles(Mapping[int, bytes]):
    """The samples of a survey by frame number, with their digests, each read from disk when it is asked for."""

    def __init__(self, folder: Path, digests: Mapping[int, str | None]) -> None:
        self._folder, self._digests = folder, digests

    def __getitem__(self, frame: int) -> bytes:
        sha256, path = self._digests[frame], sample_path(self._folder, frame)  # KeyError for a frame without a sample
        data = read_kept_file(path)
        if data is None or (sha256 is not None and hashlib.sha256(data).hexdigest() != sha256):
            raise InputError(f"{path} is missing or damaged: look at the film again")
        return data

    def __contains__(self, frame: object) -> bool:
        return frame in self._digests

    def __iter__(self) -> Iterator[int]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def sample_path(folder: Path, frame: int) -> Path:
    """Return the path of the sample of a frame."""
    return folder / f"{frame:06d}.jpg"

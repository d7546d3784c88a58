"""Stores a survey as a folder: numbers as JSON, samples as JPEG files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from kinemacolor.plan.survey import Survey
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.files import translate_disk_errors, write_folder_atomically
from kinemacolor.video.random_access import FrameIndex
from kinemacolor.video.reader import probe_film

_SURVEY_FILE = "survey.json"


def save_survey(film_survey: Survey, folder: Path) -> None:
    """Write a survey as a folder, whole or not at all. Raises ResourceError where the disk is full or refuses."""
    content = {
        "index": asdict(film_survey.index),
        "pts": list(film_survey.pts),
        "shots": [asdict(shot) for shot in film_survey.shots],
        "ended_early": film_survey.ended_early,
    }
    with write_folder_atomically(folder) as new, translate_disk_errors(folder):
        for frame, picture in film_survey.samples.items():
            sample_path(new, frame).write_bytes(picture)
        (new / _SURVEY_FILE).write_text(json.dumps(content), encoding="utf-8")


def load_survey(folder: Path, film: Path) -> Survey | None:
    """Load the survey of ``film`` that `save_survey` wrote into ``folder``; None where there is none.

    Samples are read from the folder when they are asked for. Raises InputError for a film that cannot be read.
    """
    if not (folder / _SURVEY_FILE).is_file():
        return None
    content = json.loads((folder / _SURVEY_FILE).read_text(encoding="utf-8"))
    index = content["index"] | {"anchors": tuple(content["index"]["anchors"])}
    return Survey(
        info=probe_film(film, index.get("gaps", "error")),
        index=FrameIndex(**index),
        pts=content["pts"],
        shots=tuple(Shot(**shot) for shot in content["shots"]),
        samples=_SampleFiles(folder),
        ended_early=content["ended_early"],
    )


class _SampleFiles(Mapping[int, bytes]):
    """The samples of a survey by frame number, each read from disk when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames = dict.fromkeys(sorted(int(file.stem) for file in folder.glob("*.jpg")))

    def __getitem__(self, frame: int) -> bytes:
        self._frames[frame]  # KeyError for a frame without a sample
        return sample_path(self._folder, frame).read_bytes()

    def __contains__(self, frame: object) -> bool:
        return frame in self._frames

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def sample_path(folder: Path, frame: int) -> Path:
    """Return the path of the sample of a frame."""
    return folder / f"{frame:06d}.jpg"

"""What one reading of a film told, kept on disk: numbers as JSON, small pictures as they are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from kinemacolor.plan.survey import Survey
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.files import translate_disk_errors, write_folder_atomically
from kinemacolor.video.random_access import FrameIndex
from kinemacolor.video.reader import probe_film

_NUMBERS = "survey.json"


def keep_survey(seen: Survey, folder: Path) -> None:
    """Write a survey as a folder, whole. Raises ResourceError for the disk."""
    content = {
        "index": asdict(seen.index),
        "pts": list(seen.pts),
        "shots": [asdict(shot) for shot in seen.shots],
        "ended_early": seen.ended_early,
    }
    with write_folder_atomically(folder) as new, translate_disk_errors(folder):
        for frame, picture in seen.samples.items():
            sample_file(new, frame).write_bytes(picture)
        (new / _NUMBERS).write_text(json.dumps(content), encoding="utf-8")


def kept_survey(folder: Path, film: Path) -> Survey | None:
    """The survey of ``film`` that is kept in ``folder``, if any. Raises InputError for a film that cannot be read."""
    if not (folder / _NUMBERS).is_file():
        return None
    content = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
    index = content["index"] | {"anchors": tuple(content["index"]["anchors"])}
    return Survey(
        info=probe_film(film),
        index=FrameIndex(**index),
        pts=content["pts"],
        shots=tuple(Shot(**shot) for shot in content["shots"]),
        samples=_Samples(folder),
        ended_early=content["ended_early"],
    )


class _Samples(Mapping[int, bytes]):
    """Small pictures that stay on disk until one is looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames = dict.fromkeys(sorted(int(file.stem) for file in folder.glob("*.jpg")))

    def __getitem__(self, frame: int) -> bytes:
        self._frames[frame]
        return sample_file(self._folder, frame).read_bytes()

    def __contains__(self, frame: object) -> bool:
        return frame in self._frames

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def sample_file(folder: Path, frame: int) -> Path:
    """Where the small picture of a frame lies."""
    return folder / f"{frame:06d}.jpg"

"""Closed parts of a film: encoded each for itself, wherever there is time, and kept in the work folder until all are.

Encoding is then not the work of one process alone, which only joins the parts (`VideoWriter.write_part`). What a part
is depends on the plan, and not on who encodes it: so the bytes are the same with any number of workers.
"""

import hashlib
import json
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import av

from kinemacolor._version import __version__
from kinemacolor.plan.document import FilmEntry, Plan
from kinemacolor.rendering.output import OutputSetup
from kinemacolor.rendering.passes import InferencePass, ShotPasses
from kinemacolor.utils.checked_files import has_sha256, read_checked_json, write_checked_json
from kinemacolor.utils.files import compute_file_sha256, make_file_atomically, remove_unfinished, translate_disk_errors
from kinemacolor.video.encoded_part import EncodedPart, PacketEntry
from kinemacolor.video.encoding import EncoderSettings
from kinemacolor.video.info import VideoInfo

MIN_PART_SECONDS, MIN_PART_FRAMES = 10, 48  # the frames are more than any encoder puts out of order
_PARTS_FORMAT = 3  # version of stored parts; a new number makes all of them anew
_ENCODERS = ("libx264", "libx265", "ffv1", "prores_ks", "dnxhd")  # whose packets were tried
_SLACK_SECONDS = 0.25  # as `VideoReader` allows before it says that a film is cut off
_USUAL_RATE = 25
_PART_FILE = re.compile(r"[0-9a-f]{64}\.(json|packets)")


@dataclass(frozen=True)
class FilmPart:
    """Frames ``first`` up to ``end`` (not in it); ``digest`` is a hash of all that decides their packets."""

    first: int
    end: int
    digest: str


@dataclass(frozen=True)
class PartSettings:
    """What whoever encodes a part must know: the name of the result, its encoder, and all parts in order."""

    output: Path
    encoder: EncoderSettings
    parts: tuple[FilmPart, ...]


@dataclass(frozen=True)
class KeptPart:
    """A part that is encoded, with the means of its frames' confidences and filled parts (nan where nothing fills).

    ``corrupt_packets``: of the film, as far as they were met on the way to its frames. ``interlaced_frames``: of its
    frames, as `RangeReader` counts them. ``losses``: in words.
    """

    encoded: EncodedPart
    confidences: tuple[float, ...]
    filled: tuple[float, ...]
    corrupt_packets: int
    interlaced_frames: int
    losses: tuple[str, ...]


def find_parts_obstacle(film: FilmEntry, output_setup: OutputSetup) -> str | None:
    """Say in words why a film cannot be encoded in parts; None where it can."""
    info, output_spec, encoder = output_setup.info, output_setup.output_spec, output_setup.encoder
    estimate = info.estimate_frames(film.start_seconds, film.end_seconds) or film.frames
    if encoder.name not in _ENCODERS:
        return f"{'pictures are' if encoder.picture_suffix else encoder.name + ' is'} written in one piece"
    if output_spec.layer or output_spec.confidence:
        return "the layer of colours and the confidence are written in one piece"
    if info.is_interlaced:
        return "the film is interlaced"
    if not film.anchors and not info.is_pictures:
        return "times of the film had to be repaired"
    if estimate - film.frames > _SLACK_SECONDS * (info.rate or _USUAL_RATE):
        return "the film may be cut off"
    return None


def plan_parts(
    plan: Plan, shot_passes: Sequence[ShotPasses], output_setup: OutputSetup, painted_with: Sequence[object]
) -> PartSettings:
    """Divide a film into parts of whole shots, which last `MIN_PART_SECONDS` at least; a short rest joins the last one.

    ``painted_with`` is what else decides the last digits of predictions. Each part is encoded with one thread. Parts of
    another version of this package, of PyAV or of FFmpeg's libraries are others: they must not be joined.
    """
    encoder = output_setup.encoder
    if encoder.name.startswith("libx26"):
        encoder = replace(encoder, options={**encoder.options, "threads": "1"})
    decisive = [
        *(_PARTS_FORMAT, __version__, av.__version__, av.library_versions, *painted_with),
        *(output_setup.output_spec.output.suffix.lower(), asdict(encoder)),
        plan.model_dump(mode="json", exclude={"kinemacolor": True, "film": {"path"}, "references": True}),
        [weighted.source.digest for one in shot_passes for weighted in one.weighted_passes],
    ]
    common = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    parts = (
        FilmPart(first, end, hashlib.sha256(f"{first} {end} {common}".encode()).hexdigest())
        for first, end in pairwise(_find_borders(plan, output_setup.info))
    )
    return PartSettings(output_setup.output_spec.output, encoder, tuple(parts))


def _find_borders(plan: Plan, info: VideoInfo) -> list[int]:
    """Return where parts begin, and at last the end of the film."""
    least = max(MIN_PART_FRAMES, math.ceil(MIN_PART_SECONDS * (info.rate or _USUAL_RATE)))
    borders, frames = [0], plan.shots[-1].end
    for shot in plan.shots:
        if shot.first - borders[-1] >= least and frames - shot.first >= least:
            borders.append(shot.first)
    return [*borders, frames]


def list_needed_passes(parts: Sequence[FilmPart], passes: Sequence[InferencePass]) -> list[list[InferencePass]]:
    """List for each of the parts, which are in order, the passes of which it shows frames."""
    firsts, ends = [part.first for part in parts], [part.end for part in parts]
    needed: list[list[InferencePass]] = [[] for _ in parts]
    for one in passes:
        for index in range(bisect_right(ends, one.first), bisect_left(firsts, one.end)):
            needed[index].append(one)
    return needed


class PartStore:
    """The encoded parts in a work folder, each a file of packets and one, written after it, that says what they are."""

    def __init__(self, work_folder: Path) -> None:
        self.folder = work_folder / "parts"

    def has(self, part: FilmPart) -> bool:
        """Whether a part is stored."""
        return self._note(part).is_file()

    @contextmanager
    def writing_packets(self, part: FilmPart) -> Iterator[BinaryIO]:
        """Open the file of a part's packets, as `make_file_atomically`, whose errors it raises."""
        with make_file_atomically(self._packets(part)) as stream:
            yield stream

    def add(self, part: FilmPart, stored: KeptPart) -> None:
        """Note what the packets of a part are, which makes it stored. Raises as `writing_packets`."""
        with translate_disk_errors(self.folder):
            sha256 = compute_file_sha256(self._packets(part))
        content = {
            "sha256": sha256,
            "extradata": stored.encoded.extradata.hex(),
            "packets": [[*entry] for entry in stored.encoded.packets],
            "confidences": [*stored.confidences],
            "filled": [*stored.filled],
            "corrupt_packets": stored.corrupt_packets,
            "interlaced_frames": stored.interlaced_frames,
            "losses": [*stored.losses],
        }
        write_checked_json(self._note(part), content)

    def read(self, part: FilmPart) -> KeptPart | None:
        """Read a part; None where it is missing or damaged. Raises ResourceError where memory is used up."""
        content: dict[str, Any] | None = read_checked_json(self._note(part))
        if content is None or not has_sha256(self._packets(part), content["sha256"]):
            return None
        packets = tuple(PacketEntry(*row) for row in content["packets"])
        return KeptPart(
            EncodedPart(self._packets(part), bytes.fromhex(content["extradata"]), packets),
            tuple(content["confidences"]),
            tuple(content["filled"]),
            content["corrupt_packets"],
            content["interlaced_frames"],
            tuple(content["losses"]),
        )

    def check(self, parts: Sequence[FilmPart]) -> str | None:
        """Remove all that is damaged or none of ``parts``; gives words for a person about damage.

        No other process may encode meanwhile. Raises ResourceError where the disk refuses.
        """
        wanted, damaged = {path for part in parts for path in (self._note(part), self._packets(part))}, 0
        with translate_disk_errors(self.folder):
            if self.folder.is_symlink():  # what it leads to is not ours
                self.folder.unlink()
            for path in self._list_own_files():
                if path not in wanted:
                    path.unlink()
            for part in parts:
                if self.has(part) and self.read(part) is None:
                    self._note(part).unlink()
                    damaged += 1
        return f"{damaged} of the parts in {self.folder} damaged: encoded again" if damaged else None

    def remove(self) -> None:
        """Delete all parts; what is no part stays. Raises ResourceError where the disk refuses."""
        with translate_disk_errors(self.folder):
            for path in self._list_own_files():
                path.unlink()
            if self.folder.is_dir() and not self.folder.is_symlink() and not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _list_own_files(self) -> list[Path]:
        """List the files of parts, also those that were not yet whole when their process was killed."""
        if self.folder.is_symlink() or not self.folder.is_dir():
            return []
        remove_unfinished(self.folder)
        return [path for path in self.folder.iterdir() if _PART_FILE.fullmatch(path.name) and not path.is_dir()]

    def _note(self, part: FilmPart) -> Path:
        return self.folder / f"{part.digest}.json"

    def _packets(self, part: FilmPart) -> Path:
        return self.folder / f"{part.digest}.packets"

"""What FFmpeg itself says of a film: read without a line of the product, so that both cannot err alike."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np

from kinemacolor.utils.arrays import UInt8Array


@dataclass
class FilmFacts:
    """Number of frames and the times that they have in seconds, packets by kind of stream, the first frame's matrix.

    ``fields`` counts frames that are "progressive", "tff" or "bff", ``side_data`` those that have each kind of it.
    """

    frames: int = 0
    times: list[Fraction] = field(default_factory=list)
    packets: Counter[str] = field(default_factory=Counter)
    matrix: tuple[int, ...] | None = None
    fields: Counter[str] = field(default_factory=Counter)
    side_data: Counter[str] = field(default_factory=Counter)
    rate: Fraction | None = None
    size: tuple[int, int] = (0, 0)
    pixel_format: str = ""
    chapters: int = 0
    attachments: int = 0

    @property
    def steps(self) -> list[float]:
        """Seconds from each frame to the next."""
        return [float(after - before) for before, after in zip(self.times, self.times[1:], strict=False)]


def read_facts(path: Path) -> FilmFacts:
    """Decode a film from end to end; a packet that cannot be decoded counts for nothing."""
    facts = FilmFacts()
    with av.open(str(path), metadata_errors="replace") as container:
        facts.chapters = len(container.chapters())
        facts.attachments = sum(stream.type == "attachment" for stream in container.streams)
        stream = next(s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
        facts.rate = stream.guessed_rate
        for packet in container.demux():
            if packet.stream.index != stream.index:
                facts.packets[packet.stream.type] += packet.size > 0
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                _count_frame(facts, frame, Fraction(stream.time_base or 1))
    return facts


def _count_frame(facts: FilmFacts, frame: av.VideoFrame, time_base: Fraction) -> None:
    if not facts.frames:
        facts.size, facts.pixel_format = (frame.height, frame.width), frame.format.name
        matrix = next((one for one in frame.side_data if one.type.name == "DISPLAYMATRIX"), None)
        facts.matrix = None if matrix is None else tuple(np.frombuffer(bytes(matrix), np.int32).tolist())
    facts.frames += 1
    if frame.pts is not None:
        facts.times.append(frame.pts * time_base)
    facts.side_data.update(one.type.name for one in frame.side_data)  # a Mapping whose keys are its values
    facts.fields[_field_order(frame)] += 1


def _field_order(frame: av.VideoFrame) -> str:
    """The order of fields of a frame, by FFmpeg's filter that cuts it into them: PyAV does not tell which is first."""
    if not frame.interlaced_frame:
        return "progressive"
    marked = np.zeros((frame.height, frame.width), np.uint8)
    marked[1::2] = 255
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format="gray", time_base=Fraction(1, 25))
    keep = graph.add("separatefields")
    sink = graph.add("buffersink")
    source.link_to(keep)
    keep.link_to(sink)
    graph.configure()
    graph.push(_with_pixels(frame, marked))
    first = graph.pull()
    assert isinstance(first, av.VideoFrame)
    return "bff" if first.to_ndarray().mean() > 127 else "tff"


def _with_pixels(frame: av.VideoFrame, gray: UInt8Array) -> av.VideoFrame:
    """The same frame, with its marks, but of these pixels."""
    copy = frame.reformat(format="gray")
    plane = copy.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(copy.height, plane.line_size)
    rows[:, : copy.width] = gray
    return copy

"""The whole check of a result against its source: both are read side by side, each once."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import zip_longest

from kinemacolor.verification.check import Check
from kinemacolor.verification.facts import PictureFacts
from kinemacolor.verification.film_reading import FilmReading
from kinemacolor.verification.header_checks import iter_header_checks
from kinemacolor.verification.intended import get_beginning_tolerance, has_times
from kinemacolor.verification.luma import LumaPlane, get_luma_weights
from kinemacolor.verification.picture_checks import (
    FieldComparison,
    LumaComparison,
    OrderComparison,
    SideDataComparison,
)
from kinemacolor.verification.picture_reading import USUAL_RATE
from kinemacolor.verification.reading import Reading
from kinemacolor.verification.record_content import FilmsFacts
from kinemacolor.verification.stream_checks import iter_stream_checks, list_all_but_pictures, pair_streams
from kinemacolor.verification.times import TimePairing

_MILLISECOND = Fraction(1, 1000)


class FilmComparison:
    """Compares two films in one pass: `read`, then `iter_checks`."""

    def __init__(self, source: Reading, result: Reading) -> None:
        self._source, self._result = source, result
        self._counts = [0, 0]
        self._times = TimePairing(0.0)
        self._luma = LumaComparison(source.pictures, result.pictures)
        self._order, self._fields, self._side_data = OrderComparison(), FieldComparison(), SideDataComparison()
        self._ranges: tuple[bool, bool] | None = None
        self._pairs, self._alone = pair_streams(source.header, result.header)
        source.keep_packets_of([pair.source.index for pair in self._pairs])
        result.keep_packets_of([pair.result.index for pair in self._pairs])

    def read(self) -> None:
        """Read both films to their ends."""
        source, result = self._source, self._result
        weights = _choose_weights(source.pictures, result.pictures)
        for number, (one, other) in enumerate(zip_longest(source.iter_frames(weights), result.iter_frames(weights))):
            self._counts[0] += one is not None
            self._counts[1] += other is not None
            self._pair_packets()
            if one is None or other is None:
                continue
            self._times.add(self._find_seconds(one.seconds), other.seconds)
            self._fields.add(one, other)
            self._side_data.add(one, other)
            self._ranges = self._ranges or (one.luma.is_full_range, other.luma.is_full_range)
            planes = self._align(one.luma, other.luma)
            self._luma.add(number, *planes)
            self._order.add(*planes)
        self._pair_packets()
        for pair in self._pairs:
            pair.count_rest(source, result)

    @property
    def facts(self) -> FilmsFacts:
        """What was read of both films that a record tells too."""
        (rows, columns), (top, bottom, left, right) = self._source.pictures.size, self._source.pictures.crop
        sizes = (columns - left - right, rows - top - bottom), (columns, rows)
        return FilmsFacts(self._counts[0], self._counts[1], sizes)

    def iter_checks(self) -> Iterator[Check]:
        """Judge all that was read."""
        source, result = self._source, self._result
        if not source.excerpt.is_whole:
            yield self._check_excerpt()
        yield Check("frames", self._counts[0] == self._counts[1], f"{self._counts[0]} and {self._counts[1]}")
        yield self._order.make_check()
        if not result.header.is_pictures:
            yield self._check_timestamps()
        yield self._luma.make_check()
        if not source.header.is_pictures:
            yield self._fields.make_check(result.header, result.pictures)
            yield from self._side_data.iter_checks(result.header, result.pictures)
        yield from iter_header_checks(source, result, self._ranges or (False, False))
        if isinstance(source, FilmReading) and isinstance(result, FilmReading):
            yield from iter_stream_checks(source, result, self._pairs, self._alone, self._times.parts)
        elif left_out := list_all_but_pictures(source.header):
            yield Check("all else", True, f"left out, as pictures hold none: {', '.join(left_out)}")

    def _check_excerpt(self) -> Check:
        words = f"{self._source.excerpt.words} of the source; nothing else of it is compared"
        if isinstance(self._source, FilmReading) and self._source.has_jumped:
            return Check("excerpt", False, "the source's clock jumps back, so it is not known what lies where")
        return Check("excerpt", True, words)

    def _pair_packets(self) -> None:
        for pair in self._pairs:
            pair.pair_waiting(self._source, self._result)

    def _align(self, source: LumaPlane, result: LumaPlane) -> tuple[LumaPlane, LumaPlane]:
        """Bring two frames to how both are stored; where one was turned or cropped for good, to how they are shown."""
        one, other = self._source.pictures, self._result.pictures
        if one.crop != other.crop:
            source, result = _crop(source, one), _crop(result, other)
        if self._source.header.is_pictures or self._result.header.is_pictures:
            source = replace(source, codes=one.turn.apply(source.codes))
            result = replace(result, codes=other.turn.apply(result.codes))
        return source, result

    def _find_seconds(self, seconds: float) -> float:
        """Return the time of a frame of the source; of pictures, which have none, that which its number gives it."""
        if self._source.has_clock:
            return seconds
        return float(Fraction(seconds) / (self._result.pictures.rate or USUAL_RATE)) - self._source.span.zero

    def _check_timestamps(self) -> Check:
        """Judge the times of frames: the same to a rounding, or all streams moved together.

        A container without negative time (Matroska) moves everything by as much as it takes. A clock of the source that
        jumps back, as those of joined recordings do, goes on in the result.
        """
        source, result, parts = self._source, self._result, self._times.parts
        if not parts:
            return Check("timestamps", False, "there is no frame in common")
        bases = [reading.pictures.time_base for reading in (source, result)]
        # Milliseconds of a source are rounded times, and may be put right; a coarser clock is exact.
        is_rounded = source.has_clock and bases[0] <= _MILLISECOND
        tick = float(max(bases) if is_rounded else bases[1]) + 1e-6
        if not has_times(result.header):
            tick = float(bases[1]) / 2  # the frames follow each other, so each is at the nearest of all times
        shift = parts[0].shift
        is_moved = abs(shift) > tick + get_beginning_tolerance(result.header)
        slack = tick + source.clock_slack
        may_move = not has_times(result.header) or -slack <= shift <= slack - source.earliest_seconds
        passed = self._times.spread <= tick and (not is_moved or may_move) and not self._times.backwards
        clock = f"time base {bases[0]}" + ("" if bases[0] == bases[1] else f" became {bases[1]}")
        detail = f"largest difference {self._times.spread:.6f} s, {clock}"
        if not source.has_clock:
            detail = f"evenly, {float(result.pictures.rate or USUAL_RATE):g} frames a second"
            detail += "" if passed else f"; off by up to {self._times.spread:.6f} s"
        detail += f"; moved by {shift:.6f} s, all streams together" if is_moved and may_move else ""
        detail += f"; moved by {shift:.6f} s" if is_moved and not may_move else ""
        detail += f"; {self._times.backwards} frames do not come later than the one before" * bool(
            self._times.backwards
        )
        if len(parts) > 1:
            detail += f"; the source's clock jumps back {len(parts) - 1} times, the result's goes on"
        return Check("timestamps", passed, detail)


def _choose_weights(source: PictureFacts, result: PictureFacts) -> tuple[float, float]:
    """Choose the weights of red and blue in Y': those of the film that stores Y', where one of both does."""
    has_matrix = next((pictures for pictures in (source, result) if not pictures.is_rgb), source)
    return get_luma_weights(has_matrix.color_tags["matrix"], has_matrix.size[0])


def _crop(plane: LumaPlane, pictures: PictureFacts) -> LumaPlane:
    top, bottom, left, right = pictures.crop
    rows, columns = plane.codes.shape
    return replace(plane, codes=plane.codes[top : rows - bottom, left : columns - right])

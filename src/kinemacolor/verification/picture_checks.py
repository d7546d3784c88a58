"""What is compared frame by frame: luma, order of the pictures, fields, side data."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kinemacolor.verification.check import Check
from kinemacolor.verification.facts import FilmHeader, FrameFact, PictureFacts
from kinemacolor.verification.intended import explain_missing_fields, explain_missing_side_data
from kinemacolor.verification.luma import LumaPlane, compute_luma_difference, to_eight_bits
from kinemacolor.verification.side_data import OF_THE_FILM, WORDS

# Mean errors of luma, in 8-bit levels, with which a lossy result still counts as the same film, and as the same frame.
MAX_LOSSY_MEAN_LEVELS = 3.0
MAX_LOSSY_FRAME_LEVELS = 8.0
_GRID = 64  # rows and columns of a frame that its place in the order is told by
_MIN_ORDER_LEVELS = 0.2  # neighbours that differ by less are the same picture
_MOST_VALUES = 16


class LumaComparison:
    """The difference of luma, summed up frame by frame: in codes of the deeper film, and in 8-bit levels."""

    def __init__(self, source: PictureFacts, result: PictureFacts) -> None:
        self._source, self._result = source, result
        self._largest, self._total, self._frames, self._exact_frames = 0, 0.0, 0, 0
        self._worst, self._worst_frame, self._first_inexact = 0.0, 0, -1
        self._depth, self._least_depth = 8, 16
        self._is_stored, self._keeps_range = True, True
        self._odd_size = ""

    def add(self, number: int, source: LumaPlane, result: LumaPlane) -> None:
        """Add a pair of frames, as they are stored or both as they are shown."""
        if source.codes.shape != result.codes.shape:
            (rows, columns), (others, wide) = source.codes.shape, result.codes.shape
            self._odd_size = self._odd_size or f"frame {number} is {columns}x{rows}, in the result {wide}x{others}"
            return
        difference, depth = compute_luma_difference(source, result)
        largest = int(difference.max())
        mean = float(difference.mean()) / 2 ** (depth - 8)
        self._depth, self._least_depth = depth, min(source.depth, result.depth)
        self._is_stored &= not (source.is_computed or result.is_computed) and result.depth >= source.depth
        self._keeps_range &= source.is_full_range == result.is_full_range
        self._frames, self._total = self._frames + 1, self._total + mean
        self._largest = max(self._largest, largest)
        self._exact_frames += largest == 0
        if largest and self._first_inexact < 0:
            self._first_inexact = number
        if mean > self._worst:
            self._worst, self._worst_frame = mean, number

    def make_check(self) -> Check:
        """Judge: exactly the source's in a lossless codec, nearly in any other and where luma had to be computed."""
        if self._odd_size:
            return Check("luma", False, f"the pictures have different sizes: {self._odd_size}")
        if not self._frames:
            return Check("luma", False, "there is no frame in common")
        codec, mean = self._result.codec, self._total / self._frames
        if self._largest == 0:
            return Check("luma", True, f"bit for bit the source's ({codec})")
        detail = f"largest difference {self._largest} of {2**self._depth - 1}, mean {mean:.4f} 8-bit levels ({codec})"
        if self._result.is_lossless and self._keeps_range:
            # Y' of R'G'B' is rounded once, and rounded again where the depth changes.
            allowed = 0 if self._is_stored else 2 ** (self._depth - self._least_depth)
            detail += f"; {self._exact_frames} of {self._frames} frames exact, the first other is {self._first_inexact}"
            return Check("luma", self._largest <= allowed, detail)
        passed = mean <= MAX_LOSSY_MEAN_LEVELS and self._worst <= MAX_LOSSY_FRAME_LEVELS
        worst = f"; worst is frame {self._worst_frame} with {self._worst:.2f}"
        return Check("luma", passed, detail + ("" if self._worst <= MAX_LOSSY_FRAME_LEVELS else worst))


class OrderComparison:
    """Whether each frame shows the picture of its number, and not that of a neighbour, also where a codec is lossy."""

    def __init__(self) -> None:
        self._sources: list[NDArray[np.float32]] = []
        self._results: list[NDArray[np.float32]] = []
        self._number = 0
        self.misplaced: list[tuple[int, int]] = []

    def add(self, source: LumaPlane, result: LumaPlane) -> None:
        """Add a pair of frames; the one before it is judged now that both its neighbours are known."""
        self._sources.append(_sample(source))
        self._results.append(_sample(result))
        if len(self._sources) == 2:
            self._judge(0, (1,))
        elif len(self._sources) > 2:
            self._judge(1, (0, 2))
            del self._sources[0], self._results[0]
        self._number += 1

    def make_check(self) -> Check:
        """Judge the last frame, and say which frames show another picture than their own."""
        if len(self._sources) == 2:
            self._number += 1
            self._judge(1, (0,))
        if not self.misplaced:
            return Check("picture order", True, "every frame shows its own picture")
        number, shown = self.misplaced[0]
        count = len(self.misplaced)
        return Check("picture order", False, f"{count} frames show another: {number} that of {shown}, the first")

    def _judge(self, at: int, neighbours: tuple[int, ...]) -> None:
        result = self._results[at]
        if any(source.shape != result.shape for source in self._sources):
            return
        own = float(np.abs(result - self._sources[at]).mean())
        for other in neighbours:
            distance = float(np.abs(result - self._sources[other]).mean())
            if distance < own / 2 and own - distance > _MIN_ORDER_LEVELS:
                number = self._number - 1
                self.misplaced.append((number, number + other - at))
                return


def _sample(plane: LumaPlane) -> NDArray[np.float32]:
    rows, columns = (max(1, length // _GRID) for length in plane.codes.shape)
    return to_eight_bits(LumaPlane(plane.codes[::rows, ::columns], plane.depth, plane.is_full_range))


class FieldComparison:
    """Whether interlaced frames are interlaced still, the same field first."""

    def __init__(self) -> None:
        self._pairs: Counter[str] = Counter()

    def add(self, source: FrameFact, result: FrameFact) -> None:
        """Add a pair of frames."""
        self._pairs[source.field_order + result.field_order] += 1

    def make_check(self, result: FilmHeader, pictures: PictureFacts) -> Check:
        """Judge; progressive frames in an interlaced film may be coded as fields, but not the other way round."""
        pairs, words = self._pairs, {"p": "progressive", "t": "top field first", "b": "bottom field first"}
        orders = [words[order] for order in "ptb" if any(pair.startswith(order) for pair in pairs)]
        if all(pair[0] == pair[1] for pair in pairs):
            return Check("field order", True, " and ".join(orders))
        is_interlaced = orders != ["progressive"]
        if all(pair[0] == pair[1] or (pair[0] == "p" and is_interlaced) for pair in pairs):
            return Check("field order", True, f"{' and '.join(orders)}; {pairs['pt'] + pairs['pb']} coded as fields")
        pair, count = max((item for item in pairs.items() if item[0][0] != item[0][1]), key=lambda item: item[1])
        one, other = pair[0], pair[1]
        if other == "p" and (reason := explain_missing_fields(result, pictures)):
            return Check("field order", True, f"{words[one]} became progressive: {reason}")
        return Check("field order", False, f"{words[one]} became {words[other]} in {count} frames")


class SideDataComparison:
    """Whether frames carry what they carried, kind by kind, byte by byte."""

    def __init__(self) -> None:
        self._found: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._values: tuple[dict[str, set[bytes]], dict[str, set[bytes]]] = ({}, {})

    def add(self, source: FrameFact, result: FrameFact) -> None:
        """Add a pair of frames."""
        for kind, data in source.side_data.items():
            self._found[kind] += 1
            self._kept[kind] += result.side_data.get(kind) == data
            self._missing[kind] += kind not in result.side_data
        for values, frame in zip(self._values, (source, result), strict=True):
            for kind in OF_THE_FILM & frame.side_data.keys():
                if len(known := values.setdefault(kind, set())) < _MOST_VALUES:
                    known.add(frame.side_data[kind])

    def iter_checks(self, result: FilmHeader, pictures: PictureFacts) -> Iterator[Check]:
        """Judge each kind that the source has."""
        for kind, count in sorted(self._found.items()):
            name = WORDS.get(kind, kind.lower().replace("_", " "))
            of_film = kind in OF_THE_FILM
            if self._kept[kind] == count or (of_film and self._values[0][kind] == self._values[1].get(kind)):
                yield Check(name, True, "kept" if of_film else f"kept in {count} frames")
            elif self._missing[kind] and (reason := explain_missing_side_data(kind, result, pictures)):
                yield Check(name, True, f"left out: {reason}")
            else:
                lost, changed = self._missing[kind], count - self._kept[kind] - self._missing[kind]
                yield Check(name, False, f"of {count} frames {lost} have lost it, {changed} have another")

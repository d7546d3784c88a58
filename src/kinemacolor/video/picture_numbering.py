"""The numbers in the names of pictures: which of them counts, which pictures are one series, which are missing."""

import re
from collections.abc import Sequence
from functools import reduce
from itertools import groupby, pairwise
from math import gcd
from pathlib import Path
from typing import NamedTuple

_LISTED = 5  # series, strangers or gaps that a message names
_NUMBER = re.compile(r"[0-9]+")
_SAME_KIND = {".jpeg": ".jpg", ".tiff": ".tif", ".apng": ".png", ".j2k": ".jp2", ".j2c": ".jp2"}


class NumberedPicture(NamedTuple):
    """A file of a series, the number that counts it, and the places in its name of all numbers that vary."""

    number: int
    path: Path
    place: int = 0
    varying: tuple[int, ...] = ()

    def rename(self, number: int) -> str:
        """Its stem with another number, with as many digits."""
        found = list(_NUMBER.finditer(self.path.stem))[self.place]
        stem = self.path.stem
        return f"{stem[: found.start()]}{number:0{len(found[0])}d}{stem[found.end() :]}"

    def make_pattern(self) -> str:
        """The pattern that names its series: ``shot1_###.png``."""
        numbers = iter(range(len(_NUMBER.findall(self.path.stem))))
        replaced = _NUMBER.sub(
            lambda found: "#" * len(found[0]) if next(numbers) in self.varying else found[0], self.path.stem
        )
        return replaced + self.path.suffix


def split_into_series(files: Sequence[Path]) -> list[list[NumberedPicture]]:
    """Split files into series, each in order: names that differ in one number alone, and one kind of file."""

    def get_shape(file: Path) -> tuple[str, str]:
        suffix = file.suffix.lower()
        return _NUMBER.sub("#", file.stem).casefold(), _SAME_KIND.get(suffix, suffix)

    shapes = (list(group) for _, group in groupby(sorted(files, key=get_shape), get_shape))
    return [one for shape in shapes for one in _split_by_counter(shape)]


def describe_gaps(missing: Sequence[tuple[int, int]], step: int = 1) -> str:
    """Say in words which numbers are missing: ``3 pictures are missing, with the numbers 3 to 5``."""
    count = sum((last - first) // step + 1 for first, last in missing)
    ranges = [str(first) if first == last else f"{first} to {last}" for first, last in missing]
    shown = ", ".join(ranges[:_LISTED]) + (f" and {len(ranges) - _LISTED} more gaps" if len(ranges) > _LISTED else "")
    if count == 1:
        return f"a picture is missing, with the number {shown}"
    return f"{count} pictures are missing, with the numbers {shown}"


def _split_by_counter(files: Sequence[Path]) -> list[list[NumberedPicture]]:
    """Split files of one shape into series, each in the order of the number that counts its pictures.

    That is the number by which there are the fewest series; of several the last, as in ``shot1_000, shot2_000``.
    Numbers that only grow along with it, such as times, do not divide a series.
    """
    rows = {file: tuple(int(number) for number in _NUMBER.findall(file.stem)) for file in files}
    width = len(rows[files[0]])
    varying = tuple(place for place in range(width) if len({row[place] for row in rows.values()}) > 1)
    if not varying:  # one picture, or several whose names differ by zeros or capitals
        return [[NumberedPicture(0, file)] for file in files]
    best: list[list[NumberedPicture]] = []
    for place in reversed(varying):
        ordered = sorted(files, key=lambda file: (rows[file][place], rows[file]))
        others = [other for other in varying if other != place]
        if all(
            rows[one][place] < rows[other][place] and all(rows[one][at] <= rows[other][at] for at in others)
            for one, other in pairwise(ordered)
        ):
            return [[NumberedPicture(rows[file][place], file, place, varying) for file in ordered]]
        divided: dict[tuple[int, ...], list[NumberedPicture]] = {}
        for file in ordered:
            key = tuple(rows[file][other] for other in others)
            divided.setdefault(key, []).append(NumberedPicture(rows[file][place], file, place, (place,)))
        if not best or len(divided) < len(best):
            best = list(divided.values())
    return best


def find_step(numbers: Sequence[int]) -> int:
    """The step in which a series is numbered: 1, or more where three pictures or more have it throughout."""
    return reduce(gcd, (other - one for one, other in pairwise(numbers))) if len(numbers) > 2 else 1


def describe_question(path: Path, folder: Path, series: Sequence[Sequence[NumberedPicture]]) -> str:
    """Say which series a folder or pattern holds, and how one of them is chosen."""
    ordered = sorted(series, key=len, reverse=True)
    rows = [
        f"{one[0].path.name}"
        if len(one) == 1
        else f"{one[0].make_pattern()} ({len(one)} pictures, {one[0].number} to {one[-1].number})"
        for one in ordered
    ]
    more = f", and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
    if len(ordered[0]) == 1:
        return (
            f"the pictures in {path} are not numbered: {', '.join(rows[:_LISTED])}{more}. Number them as one series "
            "(f_0001.png, f_0002.png ...), or give one of them alone"
        )
    return (
        f"{path} holds more than one series of pictures: {', '.join(rows[:_LISTED])}{more}. Give one of them, such as "
        f"{folder / ordered[0][0].make_pattern()}, or take the others away"
    )

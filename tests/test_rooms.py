"""The picture of the rooms: what is drawn is what the code imports."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from support.films import load_script

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def make_rooms() -> ModuleType:
    return load_script("docs/make_rooms.py")


def package(folder: Path, **files: str) -> Path:
    """A package of files by name, ``room__module`` for one in a folder."""
    for name, text in files.items():
        path = folder / "house" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "house"


def test_picture_and_table_of_the_rooms_are_what_the_code_gives() -> None:
    command = [sys.executable, str(ROOT / "docs/make_rooms.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_way_to_import_is_seen(make_rooms: ModuleType, tmp_path: Path) -> None:
    roof = "from house import wall\nimport house.floor__x\nfrom house.wall import brick\n".replace("__", ".")
    later = "def f():\n    from ..cellar import y\n"
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.cellar import y\n"
    house = package(
        tmp_path, roof=roof, wall=typing, floor__x=later, floor__z="import os", cellar="from house import v"
    )
    rooms = make_rooms.read_rooms(house)
    assert rooms.files == {"cellar": 1, "floor": 2, "roof": 1, "wall": 1}
    assert rooms.eager == {("roof", "wall"), ("roof", "floor"), ("cellar", "__init__")}
    assert rooms.lazy == {("wall", "cellar"), ("floor", "cellar")}


def test_an_arrow_that_longer_ways_imply_is_left_out(make_rooms: ModuleType) -> None:
    eager = {("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}
    rooms = make_rooms.Rooms(dict.fromkeys("abcd", 1), eager, {("c", "d")})
    assert make_rooms.find_floors(rooms) == {"a": 4, "b": 3, "c": 2, "d": 1}
    # a imports d at its top, and the longer way there is lazy: it does not stand in for it.
    assert make_rooms.list_arrows(rooms) == [
        ("a", "b", False),
        ("a", "d", False),
        ("b", "c", False),
        ("c", "d", True),
    ]


def test_a_circle_is_told(make_rooms: ModuleType) -> None:
    rooms = make_rooms.Rooms(dict.fromkeys("abc", 1), {("a", "b"), ("b", "c")}, {("c", "b")})
    with pytest.raises(SystemExit, match="b -> c -> b"):
        make_rooms.find_floors(rooms)


def test_what_the_table_says_of_a_room_moves_with_it(make_rooms: ModuleType) -> None:
    head = "| floor | rooms |\n|--:|---|\n"
    page = f"before\n{head}| 1 | `a` the one · `b` the other |\n\nafter\n"
    changed = make_rooms.with_floors(page, {"a": 2, "b": 1, "c": 1})
    assert changed == f"before\n{head}| 2 | `a` the one |\n| 1 | `b` the other · `c` |\n\nafter\n"


def test_boxes_lie_side_by_side_inside_the_picture(make_rooms: ModuleType) -> None:
    picture = (ROOT / "docs/pictures/rooms.svg").read_text(encoding="utf-8")
    found = re.findall(r'<rect x="(-?\d+)" y="(\d+)" width="(\d+)" height="\d+" rx', picture)
    boxes = sorted((int(top), int(left), int(left) + int(width)) for left, top, width in found)
    assert len(boxes) == len(make_rooms.read_rooms(make_rooms.PACKAGE).files)
    assert all(left >= 0 and right <= make_rooms.WIDTH for _, left, right in boxes)
    assert all(one[0] != other[0] or one[2] < other[1] for one, other in pairwise(boxes))

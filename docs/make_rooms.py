"""Draws the rooms of the package and what they import: docs/pictures/rooms.svg, and the floors in docs/design.md.

python docs/make_rooms.py          writes both
python docs/make_rooms.py --check  writes nothing; fails where one of them is not what the code gives

A room is a folder of src/kinemacolor, or a file at its top. It stands one floor above the highest room that it
imports. An arrow that a longer way of arrows implies is left out, so that the rest can be followed with the eye.
"""

import ast
import random
import re
import sys
from collections.abc import Iterator
from itertools import pairwise, takewhile
from pathlib import Path
from statistics import median
from typing import NamedTuple

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "src" / "kinemacolor"
WIDTH, LEFT, RIGHT = 1000, 52, 12  # px; left of the boxes stand the numbers of the floors
BOX_WIDTH, BOX_HEIGHT, GAP, LANE, RISE = (
    120,
    40,
    36,
    14,
    46,
)  # a lane is what a passing line needs, a rise lies between floors
FOOT = 30
FOLDER, FILE, BAND, INK, LINE, LAZY_LINE = "#e3edf9", "#fdf1d6", "#f6f7f9", "#1f2933", "#52606d", "#a3b1c2"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


class Rooms(NamedTuple):
    """Number of files of each room; pairs of rooms of which the first imports the second, at its top or later."""

    files: dict[str, int]
    eager: set[tuple[str, str]]
    lazy: set[tuple[str, str]]


class Place(NamedTuple):
    """What stands on a floor: a room, or, with ``target``, the place where lines to that room pass through."""

    floor: int
    room: str = ""
    target: str = ""
    is_lazy: bool = False


def main() -> None:
    """Write the picture and the table, or compare them."""
    rooms = read_rooms(PACKAGE)
    floors = find_floors(rooms)
    page = (DOCS / "design.md").read_text(encoding="utf-8")
    made = {DOCS / "pictures" / "rooms.svg": draw(rooms, floors), DOCS / "design.md": with_floors(page, floors)}
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        if stale:
            names = " and ".join(str(path.relative_to(DOCS.parent)) for path in stale)
            sys.exit(f"{names} is not what the code gives: run python docs/make_rooms.py, and look at it")
        return
    for path in stale:
        path.write_text(made[path], encoding="utf-8")


def read_rooms(package: Path) -> Rooms:
    """Find the rooms of a package and the imports between them."""
    rooms = Rooms({}, set(), set())
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        rooms.files[parts[0]] = rooms.files.get(parts[0], 0) + 1
        for module, is_lazy in _iter_imports(ast.parse(path.read_text(encoding="utf-8")), (package.name, *parts[:-1])):
            if module[0] != package.name:
                continue
            name = module[1] if len(module) > 1 else "__init__"
            known = (package / name).is_dir() or (package / f"{name}.py").is_file()
            other = name if known else "__init__"  # a name of the package itself
            if other != parts[0]:
                (rooms.lazy if is_lazy else rooms.eager).add((parts[0], other))
    rooms.lazy.difference_update(rooms.eager)
    return rooms


def _iter_imports(node: ast.AST, package: tuple[str, ...], is_lazy: bool = False) -> Iterator[tuple[list[str], bool]]:
    """Yield the parts of the names of imported modules, and whether they are imported later, or for types alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((name.name.split("."), is_lazy) for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = list(package[: len(package) + 1 - child.level]) if child.level else []
            module = above + (child.module.split(".") if child.module else [])
            yield from (([*module, name.name], is_lazy) for name in child.names)
        else:
            is_typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _iter_imports(child, package, is_lazy or is_typing or is_function)


def find_floors(rooms: Rooms) -> dict[str, int]:
    """Number the floors: 1 for rooms that import no other. Fails where rooms import each other in a circle."""
    floors: dict[str, int] = {}

    def visit(room: str, trail: tuple[str, ...]) -> int:
        if room in trail:
            sys.exit("a circle of imports: " + " -> ".join((*trail[trail.index(room) :], room)))
        if room not in floors:
            below = sorted(other for one, other in rooms.eager | rooms.lazy if one == room)
            floors[room] = 1 + max((visit(other, (*trail, room)) for other in below), default=0)
        return floors[room]

    for room in rooms.files:
        visit(room, ())
    return floors


def list_arrows(rooms: Rooms) -> list[tuple[str, str, bool]]:
    """Arrows that no longer way implies, and whether they are lazy; only eager ones stand in for an eager one."""
    every = rooms.eager | rooms.lazy

    def is_implied(arrow: tuple[str, str], ways: set[tuple[str, str]]) -> bool:
        seen: set[str] = set()
        ahead = [arrow[0]]
        while ahead:
            room = ahead.pop()
            found = {other for one, other in ways if one == room and (one, other) != arrow} - seen
            seen |= found
            ahead += found
        return arrow[1] in seen

    return [
        (*arrow, arrow in rooms.lazy)
        for arrow in sorted(every)
        if not is_implied(arrow, every if arrow in rooms.lazy else rooms.eager)
    ]


def with_floors(page: str, floors: dict[str, int]) -> str:
    """The page with its table of floors in order. What it says of a room moves with the room."""
    head = "| floor | rooms |\n|--:|---|\n"
    before, found, after = page.partition(head)
    if not found:
        sys.exit("docs/design.md has no table of floors")
    rows = "".join(takewhile(lambda line: line.startswith("|"), after.splitlines(keepends=True)))
    entries = [entry for row in rows.splitlines() for entry in row.split("|")[2].strip().split(" · ")]
    words = {match[1]: entry for entry in entries if (match := re.match(r"`(\w+)`", entry))}
    words |= {room: f"`{room}`" for room in sorted(floors) if room not in words}  # new ones stand last
    table = [
        f"| {floor} | {' · '.join(text for room, text in words.items() if floors.get(room) == floor)} |\n"
        for floor in range(max(floors.values()), 0, -1)
    ]
    return before + head + "".join(table) + after[len(rows) :]


# Where things stand: in layers, as Sugiyama, Tagawa and Toda 1981; whole numbers, so that every machine draws the same.


class Layout:
    """Order and x of places on their floors, with few crossings and short lines."""

    def __init__(self, floors: dict[str, int], arrows: list[tuple[str, str, bool]]) -> None:
        self.lines: dict[tuple[Place, Place], bool] = {}  # from the upper to the lower place, and whether it is lazy
        for begin, end, is_lazy in arrows:
            stops = [Place(floors[begin], begin)]
            stops += [Place(at, "", end, is_lazy) for at in range(floors[begin] - 1, floors[end], -1)]
            self.lines |= dict.fromkeys(pairwise([*stops, Place(floors[end], end)]), is_lazy)
        places = {place for line in self.lines for place in line} | {Place(floors[one], one) for one in floors}
        self.above = {place: sorted(a for a, b in self.lines if b == place) for place in places}
        self.below = {place: sorted(b for a, b in self.lines if a == place) for place in places}
        self.rows = [sorted(p for p in places if p.floor == at) for at in range(1, max(floors.values()) + 1)]
        self._order()
        self.x = self._find_x()

    def _order(self) -> None:
        """Try many orders, and keep the one with the fewest crossings."""
        best, fewest = self.rows, self._count_crossings(self.rows)
        for seed in range(60):
            rows = [list(row) for row in best] if seed % 3 == 2 else [sorted(row) for row in self.rows]
            chance = random.Random(seed)  # noqa: S311
            for row in rows:
                if seed % 3 != 2 or chance.random() < 0.4:
                    chance.shuffle(row)
            for turn in range(8):
                self._sort_by_neighbours(rows, upwards=turn % 2 == 0)
            self._swap_neighbours(rows)
            crossings = self._count_crossings(rows)
            if crossings < fewest:
                best, fewest = [list(row) for row in rows], crossings
        self.rows = best

    def _sort_by_neighbours(self, rows: list[list[Place]], *, upwards: bool) -> None:
        """Put every floor in the order of the medians of its neighbours; what has none stays where it is."""
        near = self.below if upwards else self.above
        for at in range(1, len(rows)) if upwards else range(len(rows) - 2, -1, -1):
            fixed = {place: index for index, place in enumerate(rows[at - 1 if upwards else at + 1])}
            order = iter(sorted((median(fixed[q] for q in near[p]), p) for p in rows[at] if near[p]))
            rows[at] = [next(order)[1] if near[place] else place for place in rows[at]]

    def _swap_neighbours(self, rows: list[list[Place]]) -> None:
        """Let neighbours change places wherever fewer lines cross then."""
        for at, row in enumerate(rows):
            around = rows[max(at - 1, 0) : at + 2]
            for left in range(len(row) - 1):
                before, pair = self._count_crossings(around), row[left : left + 2]
                row[left : left + 2] = reversed(pair)
                if self._count_crossings(around) >= before:
                    row[left : left + 2] = pair

    def _count_crossings(self, rows: list[list[Place]]) -> int:
        total = 0
        for lower, upper in pairwise(rows):
            index = {place: number for number, place in enumerate(lower)}
            ends = [index[low] for place in upper for low in sorted(self.below[place], key=index.__getitem__)]
            total += sum(one > other for number, one in enumerate(ends) for other in ends[number + 1 :])
        return total

    def _find_x(self) -> dict[Place, int]:
        """Pull every place towards its neighbours, a floor at a time, in the order that stands."""
        x: dict[Place, int] = {}
        for row in self.rows:
            space = (WIDTH - LEFT - RIGHT) // len(row)
            x |= {place: LEFT + space // 2 + index * space for index, place in enumerate(row)}
        for turn in range(300):
            for row in self.rows if turn % 2 else reversed(self.rows):
                wanted = []
                for place in row:
                    near = self.above[place] + self.below[place] or [place]
                    pulls = [(x[one], 1 if place.room or one.room else 20) for one in near]  # lines want to be upright
                    weight = sum(w for _, w in pulls)
                    wanted.append((sum(at * w for at, w in pulls) // weight, weight))
                x |= dict(zip(row, _spread(row, wanted), strict=True))
        return self._straighten(x)

    def _straighten(self, x: dict[Place, int]) -> dict[Place, int]:
        """Let a line that passes several floors do so upright, where its neighbours leave room for it."""
        for end, is_lazy in sorted({(place.target, place.is_lazy) for place in x if place.target}):
            run = sorted(place for place in x if (place.target, place.is_lazy) == (end, is_lazy))
            least, most = LEFT, WIDTH - RIGHT
            for one, other in (pair for row in self.rows for pair in pairwise(row)):
                least = max(least, x[one] + _half(one) + LANE) if other in run else least
                most = min(most, x[other] - _half(other) - LANE) if one in run else most
            if least <= most:
                middle = sum(x[place] for place in run) // len(run)
                x |= dict.fromkeys(run, min(max(middle, least), most))
        return x


def _half(place: Place) -> int:
    return BOX_WIDTH // 2 if place.room else 0


def _spread(row: list[Place], wanted: list[tuple[int, int]]) -> list[int]:
    """Least squares of what each place wants (x, weight), with room between neighbours (pool adjacent violators)."""
    offsets = [0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + _half(one) + _half(other) + (GAP if one.room and other.room else LANE))
    blocks: list[list[int]] = []  # weighted sum, weight, length
    for (at, weight), offset in zip(wanted, offsets, strict=True):
        blocks.append([(at - offset) * weight, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    least, most = LEFT + _half(row[0]), WIDTH - RIGHT - _half(row[-1]) - offsets[-1]
    places = [min(max(total // weight, least), most) for total, weight, length in blocks for _ in range(length)]
    return [at + offset for at, offset in zip(places, offsets, strict=True)]


def draw(rooms: Rooms, floors: dict[str, int]) -> str:
    """The rooms as SVG."""
    layout = Layout(floors, list_arrows(rooms))
    storeys = max(floors.values())
    height = storeys * (BOX_HEIGHT + RISE) + FOOT
    tops = {floor: RISE // 2 + (storeys - floor) * (BOX_HEIGHT + RISE) for floor in range(1, storeys + 1)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="{FONT}" font-size="13" fill="{INK}">',
        "<title>The rooms of Kinemacolor, and what they import</title>",
        f"<defs>{_tip('tip', LINE)}{_tip('lazy-tip', LAZY_LINE)}</defs>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for floor, top in tops.items():
        parts.append(f'<rect x="0" y="{top - 8}" width="{WIDTH}" height="{BOX_HEIGHT + 16}" fill="{BAND}"/>')
        parts.append(f'<text x="16" y="{top + 25}" fill="{LINE}">{floor}</text>')
    lines = sorted(layout.lines, key=lambda line: (not layout.lines[line], line))  # lazy ones lie below
    parts += [_line(line, layout, tops) for line in lines]
    for place in sorted(layout.x):
        if place.room:
            parts += _box(place, layout.x[place], tops[place.floor], rooms.files[place.room])
    parts += _legend(height - FOOT // 2)
    return "\n".join([*parts, "</svg>", ""])


def _tip(name: str, color: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 1L8 4L0 7z" fill="{color}"/></marker>'
    )


def _stroke(is_lazy: bool, is_tipped: bool) -> str:
    tip = f' marker-end="url(#{"lazy-tip" if is_lazy else "tip"})"' if is_tipped else ""
    dashes = ' stroke-dasharray="5 4"' if is_lazy else ""
    return f'fill="none" stroke="{LAZY_LINE if is_lazy else LINE}" stroke-width="1.2"{dashes}{tip}'


def _line(line: tuple[Place, Place], layout: Layout, tops: dict[int, int]) -> str:
    """From under the upper place to the top of the lower one; where it passes a floor, straight through."""
    upper, lower = line
    begin = layout.x[upper] + _port(upper, lower, layout.below[upper], layout)
    end = layout.x[lower] + _port(lower, upper, layout.above[lower], layout)
    y, y_end = tops[upper.floor] + BOX_HEIGHT, tops[lower.floor]
    path = f"M{begin} {y}C{begin} {y + RISE // 2} {end} {y_end - RISE // 2} {end} {y_end}"
    path += "" if lower.room else f"V{y_end + BOX_HEIGHT}"
    return f'<path d="{path}" {_stroke(layout.lines[line], bool(lower.room))}/>'


def _port(place: Place, other: Place, neighbours: list[Place], layout: Layout) -> int:
    """How far from the middle of a place a line begins or ends: lines fan out in the order of where they go."""
    if not place.room:
        return 0
    order = sorted(neighbours, key=lambda one: (layout.x[one], one))
    step = min(16, (BOX_WIDTH - 24) // max(1, len(order) - 1))
    return step * (2 * order.index(other) - len(order) + 1) // 2


def _box(place: Place, x: int, top: int, files: int) -> list[str]:
    is_folder = (PACKAGE / place.room).is_dir()
    name, text = (place.room, f"{files} files" if files > 1 else "1 file") if is_folder else (f"{place.room}.py", "")
    left, color = x - BOX_WIDTH // 2, FOLDER if is_folder else FILE
    return [
        f'<rect x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5" fill="{color}" stroke="{LINE}"/>',
        f'<text x="{x}" y="{top + (17 if text else 25)}" text-anchor="middle" font-weight="600">{name}</text>',
        *([f'<text x="{x}" y="{top + 32}" text-anchor="middle" font-size="11">{text}</text>'] if text else []),
    ]


def _legend(y: int) -> list[str]:
    later = "only when it is needed, or for types"
    rest = "What is reached through other rooms has no arrow of its own."
    return [
        f'<path d="M{LEFT} {y}h40" {_stroke(False, True)}/><text x="{LEFT + 50}" y="{y + 4}">imports</text>',
        f'<path d="M{LEFT + 120} {y}h40" {_stroke(True, True)}/><text x="{LEFT + 170}" y="{y + 4}">{later}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{y + 4}" text-anchor="end">{rest}</text>',
    ]


if __name__ == "__main__":
    main()

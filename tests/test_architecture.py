"""The house rules of docs/design.md that a program can hold."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import kinemacolor

PACKAGE = Path(kinemacolor.__file__).parent
ROOT = PACKAGE.parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))
PROGRAMS = [
    path for folder in ("tools", "docs", "examples", "integrations") for path in sorted((ROOT / folder).rglob("*.py"))
]
MOST_LINES, MOST_FUNCTION_LINES, MOST_TOP_FILES = 350, 60, 6
# From the ground up: a room imports from floors below its own, or from beside it where no circle comes of it.
FLOORS = [
    {"_version", "errors", "options"},
    {"utils", "nn"},
    {"color"},
    {"video", "verification"},
    {"models", "references", "losses", "metrics", "shots"},
    {"inference", "weights"},
    {"data"},
    {"evaluation", "plan", "training"},
    {"provenance"},
    {"rendering"},
    {"cluster", "report", "vapoursynth", "web"},
    {"benchmark"},
    {"cli"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
PUBLIC = [
    *("DeliveryOptions", "EncodingOptions", "InputError", "Interrupted", "KinemacolorError", "PartialError", "Plan"),
    *("RenderOptions", "Report", "ResourceError", "Session", "ShotRenderOptions", "UsageError", "WeightsError"),
    *("YCbCr", "colorize", "extract_frames", "list_models", "load_model"),
    *("make_again", "make_plan", "preview", "render", "suggest_frames", "verify"),
]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms that a module imports from, inside of functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kinemacolor":
            parts = str(node.module).split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("kinemacolor."))


def test_imports_only_point_down() -> None:
    for path in MODULES:
        here = room_of(path)
        if here in ("__init__", "__main__"):
            continue
        assert here in FLOOR, f"give {here} a floor here and in docs/design.md"
        for other in set(imported_rooms(path)) - {here}:
            assert FLOOR[other] <= FLOOR[here], f"{path.name} in {here} imports {other} from a floor above"


def test_no_two_rooms_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        graph.setdefault(room_of(path), set()).update(set(imported_rooms(path)) - {room_of(path)})
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_few_files_stand_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) - 1 <= MOST_TOP_FILES, "besides __main__, which only starts the command line"


@pytest.mark.parametrize("path", [*MODULES, *PROGRAMS], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small_and_catch_nothing_blindly(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_FUNCTION_LINES, node.name
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, "bare except"
            assert getattr(node.type, "id", "") != "Exception" or path == PACKAGE / "errors.py", (
                "translate_foreign_errors"
            )


def test_no_class_name_stands_twice() -> None:
    trees = (ast.parse(path.read_text()) for path in MODULES)
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_package_says_what_it_is() -> None:
    for path in set(PACKAGE.rglob("__init__.py")) - {PACKAGE / "web" / "page" / "__init__.py"}:
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert len(text.split()) >= 20 or path.parent == PACKAGE, f"{path.parent.name}: what it does, takes, gives"


def test_the_public_names_are_these() -> None:
    assert kinemacolor.__all__ == sorted(kinemacolor.__all__) == PUBLIC
    assert all(getattr(kinemacolor, name) is not None for name in kinemacolor.__all__)
    assert set(dir(kinemacolor)) == {*PUBLIC, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = kinemacolor.nonsense


def test_importing_is_quick_and_changes_nothing() -> None:
    code = "import sys, kinemacolor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_users_program_sees_our_types(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import kinemacolor\n"
        "options = kinemacolor.RenderOptions(crop=True)\n"
        "report = kinemacolor.colorize('film.mp4', 'still.jpg', 'out.mp4', options=options)\n"
        "reveal_type(report.mean_confidence)\n"
        "kinemacolor.colorize(1)\n"
    )
    # What `check` has found out, which mypy takes over only with the same options: else torch alone takes 20 s.
    known = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache" / sys.platform)]
    command = [sys.executable, "-m", "mypy", "--strict", *known, str(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'Revealed type is "float"' in done.stdout, done.stdout
    assert 'Argument 1 to "colorize" has incompatible type "int"' in done.stdout, done.stdout

"""The house rules of docs/design.md that a program can hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kinemacolor

ROOT = Path(kinemacolor.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
FLOORS = [
    {"_version", "errors", "options", "utils"},
    {"nn", "color"},
    {"video"},
    {"models", "references", "losses", "metrics", "shots"},
    {"weights", "data"},
    {"inference"},
    {"evaluation", "plan", "training"},
    {"rendering"},
    {"cluster", "report", "web"},
    {"benchmark"},
    {"cli"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def module(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """The parts of this package that a module imports at its top."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kinemacolor."):
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("path", [p for p in MODULES if not p.name.startswith("__")], ids=lambda p: module(p))
def test_imports_only_point_down(path: Path) -> None:
    here = module(path)
    assert here in FLOOR, f"give {here} a floor here and in docs/design.md"
    for other in imports(path) - {here}:
        assert FLOOR[other] <= FLOOR[here], f"{here} imports {other} from a floor above"


def test_no_two_modules_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        graph.setdefault(module(path), set()).update(imports(path) - {module(path)})
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small_and_catch_nothing_blindly(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, "bare except"
            assert getattr(node.type, "id", "") != "Exception"


def test_the_public_names_are_these() -> None:
    assert (
        kinemacolor.__all__ == sorted(kinemacolor.__all__) == ["KinemacolorError", "Session", "colorize", "load_model"]
    )
    assert all(getattr(kinemacolor, name) is not None for name in kinemacolor.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = kinemacolor.nonsense


def test_importing_is_quick_and_changes_nothing() -> None:
    code = "import sys, kinemacolor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

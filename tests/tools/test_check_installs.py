"""The check of installs, without a network: what it asks uv for, what it takes for a fault, what for a gap."""

import re
import subprocess
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import check_installs
import pytest
from check_installs import Gap, NoWheelsError, Target, Wheel

ROOT = Path(__file__).parents[2]
WINDOWS = Target("Windows amd64", "3.14")
GAPS = (Gap("reels", extra="editors", pythons=("3.14",)), Gap("torch", platforms=("macOS x86_64",)))


def resolver(*missing: str) -> check_installs.Resolve:
    """Resolves what needs none of these; an extra is a package, and "torch" is what everybody needs."""

    def resolve(extras: Sequence[str], target: Target) -> dict[str, str]:
        wanted = {"torch": "2.15.0", "numpy": "2.4", **dict.fromkeys(extras, "1")}
        found = [name for name in missing if name in wanted]
        if found:
            raise NoWheelsError(f"{found[0]} has no usable wheels")
        return wanted

    return resolve


def test_a_target_that_has_all_wheels_is_one_line() -> None:
    answer = check_installs.check_target(WINDOWS, ["onnx", "web"], resolver(), GAPS)
    assert answer.line == "Windows amd64, Python 3.14: 2 packages, torch 2.15.0; with extras 4"
    assert not answer.faults


def test_what_everybody_needs_and_has_no_wheel_is_a_fault() -> None:
    answer = check_installs.check_target(WINDOWS, ["web"], resolver("numpy"), GAPS)
    assert answer.line == "Windows amd64, Python 3.14: FAILED"
    assert answer.faults == ("Windows amd64, Python 3.14, []: numpy has no usable wheels",)


def test_the_extra_that_has_no_wheel_is_named() -> None:
    answer = check_installs.check_target(WINDOWS, ["onnx", "web"], resolver("web"), GAPS)
    assert answer.line.endswith("with extras FAILED")
    assert answer.faults[-1] == "Windows amd64, Python 3.14, [web]: web has no usable wheels"


def test_a_known_gap_is_told_and_is_no_fault() -> None:
    answer = check_installs.check_target(WINDOWS, ["editors", "web"], resolver("editors"), GAPS)
    assert answer.line.endswith("with extras 3; no [editors], reels has no wheel")
    assert not answer.faults
    intel = Target("macOS x86_64", "3.11")
    answer = check_installs.check_target(intel, ["web"], resolver("torch"), GAPS)
    assert (answer.line, answer.faults) == (f"{intel}: cannot be installed, torch has no wheel", ())


def test_a_gap_that_closed_is_told() -> None:
    answer = check_installs.check_target(WINDOWS, ["editors", "web"], resolver(), GAPS)
    assert answer.line.endswith("with extras 3; [editors] could be taken out of GAPS")


def test_a_gap_counts_where_it_says() -> None:
    assert GAPS[0].covers("editors", WINDOWS)
    assert not GAPS[0].covers("editors", Target("Windows amd64", "3.13"))
    assert not GAPS[0].covers("", WINDOWS)
    assert not GAPS[1].covers("", WINDOWS)


def test_pythons_and_extras_are_those_of_the_wheel(tmp_path: Path) -> None:
    path = tmp_path / "house-1-py3-none-any.whl"
    lines = ["Name: house", *(f"Classifier: Programming Language :: Python :: 3{one}" for one in ("", ".11", ".14"))]
    lines += [*(f"Provides-Extra: {extra}" for extra in ("web", "dev", "docs")), "", "Provides-Extra: told at length"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("house-1.dist-info/METADATA", "\n".join(lines))
    assert Wheel.read(path) == Wheel(path, "house", ("3.11", "3.14"), ("web",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[list[str], str]]]:
    """Has uv give these exit codes and texts, one after the other; gives what it was called with."""

    def answer(*answers: tuple[int, str]) -> list[tuple[list[str], str]]:
        calls: list[tuple[list[str], str]] = []

        def run_uv(words: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
            code, said = answers[len(calls)]
            calls.append((words, text))
            return subprocess.CompletedProcess(words, code, said if code == 0 else "", said)

        monkeypatch.setattr(check_installs, "run_uv", run_uv)
        monkeypatch.setattr(check_installs.time, "sleep", lambda seconds: None)
        return calls

    return answer


WHEEL = Wheel(Path("/house.whl"), "house", ("3.14",), ("web",))


def test_uv_is_asked_for_the_platform_again_where_the_network_failed(
    asked: Callable[..., list[tuple[list[str], str]]],
) -> None:
    calls = asked((2, "connection refused"), (0, "house @ file:///house.whl\ntorch==2.15.0\nnumpy==2.4.6\n"))
    assert check_installs.resolve_wheel(WHEEL, ["web"], WINDOWS) == {"torch": "2.15.0", "numpy": "2.4.6"}
    assert calls[0] == calls[1]
    words, text = calls[0]
    assert text == "house[web] @ file:///house.whl\n"
    joined = " ".join(words)
    assert "--only-binary :all: --python-platform x86_64-pc-windows-msvc --python-version 3.14" in joined


def test_no_solution_is_an_answer_and_a_dead_network_none(asked: Callable[..., list[tuple[list[str], str]]]) -> None:
    calls = asked((1, "No solution found"))
    with pytest.raises(NoWheelsError, match="No solution found"):
        check_installs.resolve_wheel(WHEEL, [], WINDOWS)
    assert len(calls) == 1
    calls = asked(*[(2, "connection refused")] * check_installs.TRIES)
    with pytest.raises(SystemExit, match=r"Windows amd64, Python 3\.14: connection refused"):
        check_installs.resolve_wheel(WHEEL, [], WINDOWS)
    assert len(calls) == check_installs.TRIES


def test_the_project_names_its_pythons_and_the_readme_the_gaps() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == f">={pythons[0]}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for gap in check_installs.GAPS:
        assert not gap.extra or gap.extra in project["optional-dependencies"]
        assert set(gap.platforms) <= set(check_installs.PLATFORMS)
        assert all(f"`[{gap.extra}]`" in readme for extra in [gap.extra] if extra)

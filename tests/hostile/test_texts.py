"""Strange plans, lists of shots, references and weights: read right, or refused with a word and an exit code."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kinemacolor.cli.main import run
from kinemacolor.plan.document import Plan
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.shots.files import read_shots
from kinemacolor.shots.shot import FrameClock
from kinemacolor.utils.times import parse_seconds
from kinemacolor.weights.checkpoint_files import iter_checkpoint_files, load_tensors
from kinemacolor.weights.registry import load_model
from support.films import scene
from support.laws import WHOLE, find_any_ending, find_ending, fingerprint, judge
from support.plans import save
from support.quick_jobs import FAST, FRAMES, QuickJob, make_quick_job
from support.quick_model import quick_model
from support.strange_films import code_film
from support.strange_texts import FOREIGN_LISTS, PLAN_CHANGES, PLAN_TEXTS, RIGHT_LISTS, WRONG_LISTS, make_weights

CLOCK = FrameClock(Fraction(25), 0, 0.0)
READ_ALL_THE_SAME = (
    "anchors none",
    "anchors back",
    "anchors everywhere",
    "end far away",
    "certainty huge",
    "dissolve huge",
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickJob]:
    with pytest.MonkeyPatch.context() as patch, quick_model(patch):
        yield make_quick_job(tmp_path_factory.mktemp("texts") / "job")


def test_strange_plans_are_refused(job: QuickJob) -> None:
    """Those that a person may have edited so end with exit code 2, 3 or 4; a plan without anchors is only slow."""
    sane = json.loads(job.plan.read_text())
    texts = dict(PLAN_TEXTS)
    for name, change in PLAN_CHANGES.items():
        content = json.loads(json.dumps(sane))
        change(content)
        texts[name] = json.dumps(content).encode()
    faults = []
    given = fingerprint(job.folder)
    for name, text in texts.items():
        plan = job.folder / "out" / "strange.json"
        plan.write_bytes(
            text.replace(b'"path": "film.mp4"', b'"path": "../film.mp4"').replace(b'"still.png"', b'"../still.png"')
        )
        result = job.folder / "out" / "made.mkv"
        ending = find_any_ending(run, ["render", str(plan), "-o", str(result), *FAST])
        right = (0, 2, 3, 4) if name in READ_ALL_THE_SAME else (2, 3, 4)
        if ending.kind != WHOLE or ending.value not in right:
            faults.append(f"{name}: {ending}")
        assert result.exists() == (ending.value == 0), name
        for left in (job.folder / "out").iterdir():
            _remove(left)
    assert fingerprint(job.folder) == given
    judge(faults)


def _remove(path: Path) -> None:
    import shutil

    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_plan_with_a_byte_order_mark_is_read(job: QuickJob) -> None:
    marked = job.folder / "marked.json"
    marked.write_bytes(b"\xef\xbb\xbf" + job.plan.read_bytes())
    ending = find_any_ending(Plan.read, marked)
    marked.unlink()
    assert ending.kind == WHOLE, ending


def read_firsts(path: Path) -> list[int]:
    return [shot.first for shot in read_shots(path, FRAMES, CLOCK)]


@pytest.mark.parametrize("name", [*RIGHT_LISTS, *FOREIGN_LISTS])
def test_lists_of_shots_are_read(name: str, tmp_path: Path) -> None:
    text, firsts = {**RIGHT_LISTS, **FOREIGN_LISTS}[name]
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    ending = find_any_ending(read_firsts, tmp_path / name)
    assert ending.value == firsts, ending


def test_wrong_lists_of_shots_are_refused(tmp_path: Path) -> None:
    faults = []
    for name, text in WRONG_LISTS.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        ending = find_any_ending(read_firsts, tmp_path / name)
        if ending.kind not in ("InputError", "UsageError"):
            faults.append(f"{name}: {ending}")
    judge(faults)


SPECS = [
    "",
    "@",
    "@5",
    "a@",
    "a.png@-1",
    "a.png@1e400",
    "a.png@" + "9" * 5000,
    "a\0b.png",
    "x" * 5000,
    "a@nan",
    "@@",
    "a.png@٣",
]
SPECS += [
    "http://example.org/a.png",
    "-",
    "~",
    "/dev/null",
    "/proc/self/mem",
    ".",
    "a.png@1:2:3:4",
    "ref_" + "9" * 400 + ".png",
]


def test_strange_references_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kinemacolor.references.load import check_reference_specs

    monkeypatch.chdir(tmp_path)
    faults = []
    for text in SPECS:
        ending = find_any_ending(lambda text=text: check_reference_specs((ReferenceSpec.parse(text),)), seconds=10)
        if ending.kind not in ("InputError", "UsageError"):
            faults.append(f"{text[:40]!r}: {ending}")
    judge(faults)


@pytest.mark.parametrize(
    "text", ["", " ", ":", "1:", "1:2:3:4:5", "nan", "inf", "-1", "1e999", "0x10", "1;2", "١:٢", "9" * 5000, "\0"]
)
def test_strange_times_are_times_or_refused(text: str) -> None:
    ending = find_ending(parse_seconds, text, "--start")
    assert ending.kind == "UsageError" or (ending.value >= 0 and ending.value < float("inf"))


def read_weights(path: Path, folder: Path) -> None:
    for label, member in iter_checkpoint_files(path.name, path, folder):
        load_tensors(label, member)


def test_strange_weights_are_refused(tmp_path: Path, home: Path) -> None:
    """By what reads them, and some by the whole way; a file of one stranger tensor is well formed but of no model."""
    faults = []
    for name, content in make_weights(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(content)
        ending = find_any_ending(read_weights, path, tmp_path)
        if ending.kind not in ("WeightsError", WHOLE):
            faults.append(f"{name}: {ending}")
        if ending.kind == WHOLE or name in ("length.safetensors", "code.pt"):
            ending = find_any_ending(run, ["models", "import", "kinema", str(path)])
            if ending.kind != WHOLE or ending.value != 4:
                faults.append(f"import of {name}: {ending}")
        assert not (tmp_path / "ran").exists(), f"{name}: code of the file was run"
    judge(faults)
    assert not list(home.rglob("*.safetensors"))


def test_absurd_weights_do_not_paint(home: Path, tmp_path: Path) -> None:
    """Weights that are finite and absurd are stored; a film is painted with finite colours by them, or not at all."""
    tensors = {
        name: torch.full_like(tensor, 6e4) if tensor.is_floating_point() else tensor
        for name, tensor in load_model("kinema").state_dict().items()
    }
    save_file(tensors, tmp_path / "kinema.safetensors")
    ending = find_any_ending(run, ["models", "import", "kinema", str(tmp_path / "kinema.safetensors")])
    (tmp_path / "kinema.safetensors").unlink()
    assert ending.kind == WHOLE, ending
    if ending.value:
        return
    film = code_film(tmp_path / "film.mp4", 2, options={"preset": "ultrafast"})
    still, result = save(tmp_path / "still.png", scene(0)), tmp_path / "out.mkv"
    ending = find_any_ending(run, [str(film), "-r", str(still), "-o", str(result), "--size", "64", *FAST])
    if ending.kind != WHOLE or ending.value == 0:
        pytest.fail(f"R6: {ending}")
    assert ending.value == 4
    assert not result.exists()

"""The whole cycle of tools/gpu.py on a CPU, as on a machine that lacks packages: parts there, training, shards back."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from gpu_transfer.command_line import main as run_gpu_tool
from gpu_transfer.pieces import TransferError, collect_pieces, extract_archive, list_piece_paths
from gpu_transfer.shards import SHARDS_PER_TRANSFER, reduce_optimizer_state
from gpu_transfer.working_tree import exclude_from_git

from kinemacolor.cli.main import run as run_kinemacolor
from kinemacolor.data.packed import read_pack
from kinemacolor.training import logs
from kinemacolor.training.datasets import load_training_data
from kinemacolor.training.recipe_file import read_recipe, recipe_to_dict

ROOT = Path(__file__).parents[2]
SIZE = (64, 96)
# What a usual GPU machine lacks; pydantic would be there from the wheels. Nothing may reach for a network either.
BARRED_IMPORTS = """import socket, sys
class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("av", "opentimelineio", "typer", "rich", "platformdirs"):
            raise ModuleNotFoundError(name)
def refuse(*_): raise OSError("there is no network")
sys.meta_path.insert(0, Barred())
socket.socket.connect = refuse
"""
RECIPE = """base = "kinema"
batch_size = 1
steps = 9
ema_decay = 0.9
[data]
[clips]
frames = 2
size = [64, 96]
crop = [64, 64]
strides = [1]
kinds = { near = 1.0, wrong = 1.0 }
[validation]
every = 1
films = 1
frames = 2
"""


@pytest.fixture(autouse=True, scope="module")
def use_one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # for child processes
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)


def make_picture(seed: int, scale: int = 1, move: int = 0) -> np.ndarray:
    knots = np.random.default_rng(seed).uniform(0, 255, (5, 8, 3)).astype(np.float32)
    size = (SIZE[1] * scale + 16, SIZE[0] * scale)
    return cv2.resize(knots, size, interpolation=cv2.INTER_CUBIC).clip(0, 255)[:, move : move + SIZE[1] * scale]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write films at the training size and three times as large, two of one origin, and photographs likewise."""
    folder = tmp_path_factory.mktemp("data")
    for seed, (name, scale) in enumerate((("one_a", 1), ("one_b", 1), ("two", 3), ("three", 1))):
        (folder / "films" / name).mkdir(parents=True)
        for number in range(4):
            cv2.imwrite(str(folder / "films" / name / f"{number}.png"), make_picture(seed, scale, 2 * number))
    rows = ("clip,source", "one_a,one.mp4", "one_b,one.mp4")
    (folder / "films/manifest.csv").write_text("\n".join(rows))
    for seed, scale in ((11, 1), (12, 4)):
        (folder / "photographs" / "set").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "photographs" / "set" / f"{seed}.png"), make_picture(seed, scale))
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def pack_parts(data: Path, target: Path, *more: str | Path, part_kib: int = 8192) -> list[Path]:
    """Pack a small archive into ``target``; gives the folders of its parts."""
    words: list[object] = ["pack", "--recipe", data / "recipe.toml", "--part-mib", part_kib / 1024, "--no-wheels"]
    words += ["--films", data / "films", "--photographs", data / "photographs", "--cache", target / "none"]
    words += ["-o", target, *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)  # six small sources are read sooner than a process is started
        assert run_gpu_tool([str(word) for word in words]) == 0
    return sorted((path for path in target.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def run_on_gpu(home: Path, verb: str, *words: object) -> int:
    """Run a verb as on the GPU machine; gives its exit code."""
    return run_gpu_tool([verb, *map(str, words), "--home", str(home)])


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the working tree as it comes to the GPU machine: another folder, no git."""
    folder = tmp_path_factory.mktemp("machine")
    for name in ("src", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "barred").mkdir()
    (folder / "barred" / "sitecustomize.py").write_text(BARRED_IMPORTS)
    return folder


def run_in_copy(tree: Path, verb: str, *words: object) -> str:
    """Run a verb in the copied tree, without the packages that a GPU machine lacks; gives its output."""
    command = [sys.executable, tree / "tools/gpu.py", verb, *words, "--home", tree / "home"]
    environment = os.environ | {"PYTHONPATH": str(tree / "barred"), "HOME": str(tree)}
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("capfd")
def test_a_run_goes_there_and_back_and_on(data: Path, tree: Path, tmp_path: Path) -> None:
    home, out, run = tree / "home", tmp_path / "out", tmp_path / "run"
    quick = ("--minutes", 2, "--device", "cpu", "--workers", 0, "--shard-mib", 6, "--out", out)
    first = pack_parts(data, tmp_path / "first", part_kib=2)
    assert len(first) > 1
    for part in first:
        run_in_copy(tree, "receive", part)
    assert "step 2 of 2, done" in run_in_copy(tree, "train", "--steps", 2, *quick)

    index = json.loads((out / "index.json").read_text())
    assert len(index["pieces"]) > SHARDS_PER_TRANSFER
    assert len(list(out.iterdir())) == SHARDS_PER_TRANSFER + 1
    assert run_gpu_tool(["join", str(out), "-o", str(run)]) == 2  # the second transfer has not come yet
    shutil.rmtree(out)
    for transfer in range(2, 1 + -(-len(index["pieces"]) // SHARDS_PER_TRANSFER)):
        run_in_copy(tree, "fetch", transfer, "--out", out)
    assert run_gpu_tool(["join", str(out), "-o", str(run)]) == 0
    name = "checkpoints/step-00000002.pt"
    assert (run / name).read_bytes() == (home / "run" / name).read_bytes()
    assert (run / "weights/kinema.safetensors").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "out", "run"]

    parts = pack_parts(data, tmp_path / "second", "--run", run)
    assert run_on_gpu(home, "receive", *parts) == 2  # the first archive and its run are still there
    assert run_on_gpu(home, "receive", "--forget", *parts) == 0
    assert run_on_gpu(home, "train", "--steps", 3, "--moments", "half", *quick) == 0
    shutil.rmtree(out)
    for transfer in range(1, 1 + -(-len(list((home / "shards").glob("*.0*"))) // SHARDS_PER_TRANSFER)):
        assert run_on_gpu(home, "fetch", transfer, "--out", out) == 0
    assert run_gpu_tool(["join", str(out), "-o", str(run)]) == 0

    words = ["train", data / "recipe.toml", "-o", run, "--cache", tmp_path / "cache", "--device", "cpu", "--quiet"]
    words += ["--films", data / "films", "--photographs", data / "photographs"]
    assert run_kinemacolor([str(word) for word in (*words, "--steps", 4)]) == 0
    newest = run / "checkpoints/step-00000004.pt"
    reduce_optimizer_state(newest, newest, "none")
    assert run_kinemacolor([str(word) for word in (*words, "--steps", 5)]) == 0
    begun = [row for row in logs.read_log(run) if row["kind"] == "begin"]
    assert [row["step"] for row in begun] == [0, 2, 3, 4]
    assert len({row["data"] for row in begun}) == 1  # here and there it is the same data
    assert [row["step"] for row in logs.read_log(run) if row["kind"] == "train"] == [2, 3, 4, 5]


def test_the_machine_is_checked_and_measured(tree: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "part/wheels/probe-1-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("probe.py", "")
    tiny = ("--device", "cpu", "--tiny", "--recipe", "kinema")
    lines = run_in_copy(tree, "check", wheel.parents[1], *tiny).splitlines()
    assert (tree / "home/site/probe.py").is_file()
    assert [line.split(":")[0] for line in lines] == ["disk", "python", "torch", "imports", "kinema", "check"]
    run_in_copy(tree, "bench", *tiny, "--out", tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    assert len(rows) == 5
    assert all(row["frames_per_second"] > 0 and row["card"].startswith("cpu") for row in rows)


def test_a_failure_of_the_check_is_said_and_the_rest_is_tried(
    tree: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_on_gpu(tmp_path, "check", "--device", "meta", "--tiny", "--recipe", "kinema") == 2
    said = capfd.readouterr()
    assert "torch: FAILED" in said.out
    assert "imports: pydantic" in said.out
    assert "kinema: FAILED" in said.out
    assert "see above" in said.err


@pytest.fixture(scope="module")
def parts(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return pack_parts(data, tmp_path_factory.mktemp("gpu"), "--set", "seed=3", part_kib=2)


def test_the_data_stays_what_it_was(data: Path, parts: list[Path], tmp_path: Path) -> None:
    index = collect_pieces(parts, tmp_path / "parts", "", forget=False)
    extract_archive(list_piece_paths(index, tmp_path / "parts"), tmp_path)
    there = read_recipe(tmp_path / "recipe.toml", {"data": {"cache": str(tmp_path / "a")}})
    folders = {"films": [str(data / "films")], "photographs": [str(data / "photographs")], "cache": str(tmp_path / "b")}
    here = read_recipe(data / "recipe.toml", {"seed": 3, "data": folders})
    packed, whole = load_training_data(there), load_training_data(here)
    assert packed.digest == whole.digest
    assert packed.validation_films == whole.validation_films
    assert packed.clips.index.sources == whole.clips.index.sources
    assert {**recipe_to_dict(there), "data": None} == {**recipe_to_dict(here), "data": None}


def test_what_is_held_out_is_not_packed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("set/11.png\n")
    parts = pack_parts(data, tmp_path / "gpu", "--set", f'data.held_out=["{tmp_path / "names.txt"}"]')
    extract_archive(
        list_piece_paths(collect_pieces(parts, tmp_path / "parts", "", forget=False), tmp_path / "parts"), tmp_path
    )
    index, _ = read_pack(tmp_path / "pack", SIZE)
    assert [source.path.name for source in index.sources if source.kind == "photograph"] == ["12.png"]


@pytest.mark.parametrize(("name", "kind"), [("../x", tarfile.REGTYPE), ("/x", tarfile.REGTYPE), ("x", tarfile.SYMTYPE)])
def test_an_archive_leads_nowhere_else(tmp_path: Path, name: str, kind: bytes) -> None:
    entry = tarfile.TarInfo(str(tmp_path / "y") if name == "/x" else name)
    entry.type, entry.linkname = kind, str(tmp_path)
    with tarfile.open(tmp_path / "piece", "w:gz") as archive:
        archive.addfile(entry)
    with pytest.raises(TransferError, match="no pack has"):
        extract_archive([tmp_path / "piece"], tmp_path / "here")
    assert [one.name for one in tmp_path.iterdir()] == ["piece"]


def test_parts_keep_their_size(parts: list[Path]) -> None:
    sizes = [sum(file.stat().st_size for file in part.glob("part.*")) for part in parts]
    assert len(parts) > 2
    assert max(sizes) <= 2 * 1024


def test_missing_parts_are_named(parts: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    given = [part for part in parts if part.name != "1"]
    assert run_on_gpu(tmp_path, "receive", *given) == 0
    assert "still to come: gpu/1\n" in capfd.readouterr().out
    assert run_on_gpu(tmp_path, "train", "--minutes", 1, "--out", tmp_path / "out") == 2
    assert "gpu/1 first" in capfd.readouterr().err
    assert run_on_gpu(tmp_path, "receive", parts[1]) == 0
    assert f"all {len(parts)} parts are here" in capfd.readouterr().out


def test_a_damaged_part_is_refused(parts: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    part = Path(shutil.copytree(parts[1], tmp_path / "gpu" / "1"))
    piece = next(part.glob("part.*"))
    content = bytearray(piece.read_bytes())
    content[100] ^= 1
    piece.write_bytes(content)
    assert run_on_gpu(tmp_path / "machine", "receive", part) == 2
    assert f"{piece} is damaged" in capfd.readouterr().err
    (part / "index.json").write_text("{")
    assert run_on_gpu(tmp_path / "machine", "receive", part) == 2
    assert "index.json is damaged" in capfd.readouterr().err
    assert not list((tmp_path / "machine/parts").glob("part*"))


def test_a_pack_for_other_code_is_refused(tree: Path, data: Path, tmp_path: Path) -> None:
    parts = pack_parts(data, tmp_path / "gpu")
    changed = Path(shutil.copytree(tree, tmp_path / "tree", ignore=shutil.ignore_patterns("home")))
    (changed / "src/kinemacolor/errors.py").write_text("")
    command = [sys.executable, changed / "tools/gpu.py", "receive", *parts, "--home", tmp_path / "home"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "was made for commit" in done.stderr
    assert "--other-code" in done.stderr
    subprocess.run([*command, "--other-code"], capture_output=True, check=True)


def test_a_full_disk_is_said(
    parts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", refuse)
    assert run_on_gpu(tmp_path, "receive", *parts) == 2
    assert "the disk is full" in capfd.readouterr().err


def test_the_machine_needs_only_the_standard_library(parts: list[Path], tmp_path: Path) -> None:
    words = [sys.executable, "-I", "-S", ROOT / "tools/gpu.py", "receive", *parts, "--home", tmp_path]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "parts are here" in result.stdout


def test_git_ignores_the_parts(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for _ in range(2):
        exclude_from_git(tmp_path / "gpu", tmp_path)
    lines = (tmp_path / ".git/info/exclude").read_text().splitlines()
    assert lines.count("/gpu/") == 1


def test_the_recipe_for_the_gpu_is_that_of_kinema_but_larger() -> None:
    recipe = read_recipe(ROOT / "tools/gpu-kinema.toml")
    assert recipe.clips.clip_size == recipe.clips.size
    assert recipe.lr_schedule.end_step == recipe.steps
    assert recipe.losses.model_copy(update={"deep_features": None}) == read_recipe("kinema").losses
    assert recipe.losses.deep_features
    frozen = {"semantic.backbone", "semantic.coarse", "semantic.kind"}  # all else is trained, the descriptors too
    assert {*recipe.optimizer.frozen} == frozen

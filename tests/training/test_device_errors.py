"""A disk that is full, memory that runs out, a device that is lost: told in clear words, and nothing is lost."""

import errno
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kinemacolor.cli.main import run
from kinemacolor.data import flow_cache, frame_cache
from kinemacolor.errors import KinemacolorError, ResourceError
from kinemacolor.training import checkpoint, logs, trainer
from kinemacolor.training.background import read_run_status
from kinemacolor.training.device_errors import translate_device_errors
from kinemacolor.training.recipe_file import read_recipe
from kinemacolor.training.train_state import TrainState
from support.runs import write_tiny_recipe

FULL = OSError(errno.ENOSPC, "No space left on device")
CUDA_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.20 GiB is free."
)
CUDA_LOST = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later {}"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A run of four steps with a checkpoint after each second one."""
    return write_tiny_recipe(tmp_path / "data", steps=4, checkpoint_every=2)


def fail(recipe: Path, folder: Path) -> KinemacolorError:
    """Train, and give the error by which the run ends."""
    with pytest.raises(KinemacolorError) as error:
        trainer.train(read_recipe(recipe), folder, device="cpu")
    return error.value


def go_on(recipe: Path, folder: Path) -> None:
    """The same command ends the run, and its log tells each step once."""
    assert run(["train", str(recipe), "-o", str(folder), "--device", "cpu", "-q"]) == 0
    assert [row["step"] for row in logs.read_log(folder) if row["kind"] == "train"] == [1, 2, 3, 4]
    assert [path.name for path in sorted((folder / "checkpoints").iterdir())] == [
        "step-00000002.pt",
        "step-00000004.pt",
    ]


def fail_at_step(monkeypatch: pytest.MonkeyPatch, step: int, error: BaseException) -> None:
    """Let the device fail when this step is trained."""
    train_step = TrainState.train_step

    def failing(state: TrainState, parts: Any, number: int) -> dict[str, float]:
        if number == step:
            raise error
        return train_step(state, parts, number)

    monkeypatch.setattr(TrainState, "train_step", failing)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError(CUDA_MEMORY), "out of memory at step 3; {}: 2.50 GiB more were wanted, the device has"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "out of memory at"),
        (torch.AcceleratorError(CUDA_LOST), "the device was lost at step 3; {} (CUDA error: an illegal memory access"),
        (RuntimeError("CUDNN_STATUS_EXECUTION_FAILED"), "the device was lost at step 3; {}"),
    ],
)
def test_a_device_that_fails_leaves_the_last_checkpoint(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    fail_at_step(monkeypatch, 3, error)
    found = fail(recipe, tmp_path / "run")
    assert isinstance(found, ResourceError)
    assert said.format(f"{tmp_path}/run/checkpoints/step-00000002.pt is whole") in str(found)
    last = logs.read_log(tmp_path / "run")[-1]
    assert (last["step"], last["kind"], last["why"]) == (3, "end", str(found))
    assert read_run_status(tmp_path / "run").state == f"ended: {found}"
    monkeypatch.undo()
    go_on(recipe, tmp_path / "run")


def test_memory_that_is_short_at_the_start_says_what_to_change(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at_step(monkeypatch, 0, torch.OutOfMemoryError(CUDA_MEMORY))
    said = str(fail(recipe, tmp_path / "run"))
    assert "at step 0; there is no checkpoint yet: 2.50 GiB more were wanted, the device has 79.10 GiB" in said
    assert "raise gradient_accumulation, say gradient_checkpointing = true" in said
    monkeypatch.setattr(trainer, "build_model", lambda *given: (_ for _ in ()).throw(RuntimeError(CUDA_MEMORY)))
    assert "out of memory before the first step: 2.50 GiB more" in str(fail(recipe, tmp_path / "run"))


def test_a_device_lost_under_a_checkpoint_is_no_error_of_the_disk(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(content: dict[str, Any], stream: Any) -> None:
        raise torch.AcceleratorError(CUDA_LOST)

    monkeypatch.setattr(checkpoint.torch, "save", lose)
    assert "the device was lost at step 2; there is no checkpoint yet" in str(fail(recipe, tmp_path / "run"))
    monkeypatch.undo()
    go_on(recipe, tmp_path / "run")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="a mistake"), translate_device_errors(lambda: "here"):
        raise RuntimeError("a mistake in the program")
    with pytest.raises(ResourceError, match="disk"), translate_device_errors(lambda: "here"):
        raise ResourceError("the disk") from FULL


class FullLog(io.StringIO):
    """A file on a disk that takes half a line of step 3, and no more."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def write(self, text: str) -> int:
        if json.loads(text)["step"] == 3:
            with self.path.open("a") as stream:
                stream.write(text[:20])
            raise FULL
        with self.path.open("a") as stream:
            return stream.write(text)


def test_a_full_disk_under_the_log(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open

    def open_full(path: Path, mode: str = "r", *given: Any, **more: Any) -> Any:
        return (
            FullLog(path)
            if path.name == logs.LOG_FILE and mode == "a" and more
            else real_open(path, mode, *given, **more)
        )

    monkeypatch.setattr(Path, "open", open_full)
    assert "no space is left on the disk" in str(fail(recipe, tmp_path / "run"))
    monkeypatch.undo()
    assert [row["step"] for row in logs.read_log(tmp_path / "run")] == [0, 1, 2]
    go_on(recipe, tmp_path / "run")


@pytest.mark.parametrize(("module", "name"), [(frame_cache.np.lib.format, "write_array_header_1_0"), (np, "savez")])
def test_a_full_disk_under_the_caches(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    def refuse(stream: Any, *given: Any, **more: Any) -> None:
        stream.write(b"half")
        raise FULL

    assert flow_cache.np is np
    monkeypatch.setattr(module, name, refuse)
    assert "no space is left on the disk" in str(fail(recipe, tmp_path / "run"))
    half = [path for path in (tmp_path / "data/cache").rglob("*") if path.suffix not in (".jsonl", ".npy")]
    assert all(path.is_dir() for path in half)
    monkeypatch.undo()
    go_on(recipe, tmp_path / "run")


def test_an_error_of_a_worker_is_told_without_its_traceback(tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path / "data", steps=1, workers=1)
    (tmp_path / "data/cache").mkdir()
    (tmp_path / "data/cache/frames").write_text("a file where a folder should be")
    said = str(fail(recipe, tmp_path / "run"))
    assert said.startswith(f"{tmp_path}/data/cache/frames/")
    assert "make space" in said or "no space is left" in said
    assert "Traceback" not in said


def test_a_run_killed_while_it_wrote_its_first_file_goes_on(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.recipe.json.0123456789abcdef").write_text('{"mod')
    (tmp_path / "run/lock").write_text("")
    (tmp_path / "run/process.json").write_text('{"pid": ')
    go_on(recipe, tmp_path / "run")
    assert not list((tmp_path / "run").glob(".*"))

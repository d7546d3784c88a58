"""What the verbs on the GPU machine start as processes of their own: `python -m gpu_transfer.programs VERB OPTIONS`.

OPTIONS is a JSON object whose keys are the keywords of the function of that verb. Each gives the exit code.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

GPU_RECIPES = {"kinema": Path(__file__).parents[1] / "gpu-kinema.toml"}  # the packaged ones of the others fit
FILM_SIZE, FRAME_SIZE = (1080, 1920), (216, 384)
TINY_FILM_SIZE, TINY_FRAME_SIZE = (270, 480), (64, 128)
SECONDS_EACH = 2.5  # of a measurement
FILM_FRAMES = 240  # of the film that is made and colorized whole


def run_training(*, home: str, device: str, workers: int, steps: int | None, deadline: float) -> int:
    """Begin or go on with the run in ``home`` until ``deadline`` (`time.time`); a GPU makes the clips if it can."""
    from kinemacolor.errors import KinemacolorError
    from kinemacolor.training.recipe import DataConfig
    from kinemacolor.training.recipe_file import read_recipe
    from kinemacolor.training.trainer import train
    from kinemacolor.utils.console import show_progress

    folder = Path(home)
    data: dict[str, Any] = {"cache": str(folder / "cache"), "workers": workers}
    if device == "cuda" and "on_device" in DataConfig.model_fields:
        data |= {"on_device": True, "workers": 0}
    try:
        recipe = read_recipe(folder / "recipe.toml", {"data": data})
        if steps:  # all that there is time for: the learning rate falls to its end within them
            schedule = recipe.lr_schedule
            ends = {"end_step": steps} if schedule.warmup < steps and schedule.end_step else {}
            recipe = recipe.model_copy(update={"steps": steps, "lr_schedule": schedule.model_copy(update=ends)})
        with show_progress("train", unit="steps") as advance:
            result = train(
                recipe,
                folder / "run",
                device=device,
                max_minutes=max(0.01, (deadline - time.time()) / 60),  # importing PyTorch took some of it
                on_message=lambda text: print(text, flush=True),
                on_progress=advance,
            )
    except KinemacolorError as error:
        print(f"training failed: {error}", flush=True)
        return error.exit_code
    print(f"step {result.step} of {result.steps}, {result.end_reason}", flush=True)
    return 0


def run_check(*, device: str, tiny: bool, recipes: Sequence[str]) -> int:
    """Print what the machine is and try two steps of each recipe; 1 where anything failed."""
    began = time.monotonic()
    results = [_try("torch", lambda: _describe_device(device)), _try("imports", _import_all)]
    results += [_try(name, partial(_describe_step, name, device, tiny)) for name in recipes]
    print(f"check: {time.monotonic() - began:.0f} s", flush=True)
    return int(None in results)


def run_bench(*, device: str, tiny: bool, recipes: Sequence[str], path: str) -> int:
    """Print JSON lines of frames a second, and write them to ``path``; 1 where anything failed."""
    from kinemacolor.benchmark import throughput

    seconds = 0.1 if tiny else SECONDS_EACH
    frame_size, film_size = (TINY_FRAME_SIZE, TINY_FILM_SIZE) if tiny else (FRAME_SIZE, FILM_SIZE)

    works: dict[str, Callable[[], throughput.Throughput]] = {
        f"kinema forwards, {films} at once": partial(
            throughput.time_forward, "kinema", films, frame_size, device, seconds
        )
        for films in (1, 8)
    }
    works["kinema by CUDA graphs, 8 at once"] = partial(
        throughput.time_forward, "kinema", 8, frame_size, device, seconds, recorded=True
    )
    for name in recipes:
        recipe = _read_recipe(name, tiny)
        works[f"{name} forwards and backwards"] = partial(throughput.time_training, recipe, device, seconds)
    film = f"kinema, film of {film_size[1]}x{film_size[0]}"
    works[f"{film} to CbCr"] = partial(throughput.time_film_chain, "kinema", film_size, device, seconds)
    if _has_pyav():
        works[f"{film} to film"] = partial(
            throughput.time_film, "kinema", film_size, device, 6 if tiny else FILM_FRAMES
        )
    card, failed = _describe_device(device), False
    with Path(path).open("w", encoding="utf-8") as stream:
        for name, work in works.items():
            result = _try(name, work, is_quiet=True)
            failed |= result is None
            values = asdict(result) if result else {}
            rounded = {key: round(value, 3) for key, value in values.items() if value is not None}
            line = json.dumps({"what": name, **rounded, "card": card})
            stream.write(f"{line}\n")
            print(line, flush=True)
    return int(failed)


def _has_pyav() -> bool:
    """Whether films can be read and written on this machine; training needs none."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def _try(name: str, work: Callable[[], Any], *, is_quiet: bool = False) -> Any:
    """Do some work and print a line of its result; after a failure print that, and give None."""
    import cv2

    from kinemacolor.errors import KinemacolorError

    failures = (ArithmeticError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError)
    try:
        result = work()
    except (KinemacolorError, cv2.error, *failures) as error:
        print(f"{name}: FAILED: {type(error).__name__}: {str(error)[:300]}", flush=True)
        result = None
    else:
        if not is_quiet:
            print(f"{name}: {result}", flush=True)
    return result


def _describe_device(device: str) -> str:
    """Name, memory, bfloat16 and versions; raises RuntimeError where the device does not compute."""
    import torch

    torch.ones(8, device=device).sum().item()
    versions = f"torch {torch.__version__}, {os.cpu_count()} cores"
    if device != "cuda":
        return f"{device}, {versions}"
    card = torch.cuda.get_device_properties(0)
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return f"{card.name}, {card.total_memory / 2**30:.0f} GiB, bfloat16 {'yes' if bf16 else 'NO'}, {versions}"


def _import_all() -> str:
    """Import what training and measuring need; gives the versions that matter."""
    import cv2
    import numpy
    import pydantic

    return f"pydantic {pydantic.VERSION}, numpy {numpy.__version__}, cv2 {cv2.__version__}"


def _describe_step(name: str, device: str, tiny: bool) -> str:
    """Seconds and memory of the second of two steps of a recipe."""
    from kinemacolor.benchmark.throughput import time_training

    timing = time_training(_read_recipe(name, tiny), device)
    return f"{timing.seconds:.3f} s a step, {timing.frames_per_second:.0f} frames/s, peak {timing.peak_gib:.1f} GiB"


def _read_recipe(name: str, tiny: bool) -> Any:
    """A recipe as the machine trains it; ``tiny``: one clip of two small frames, for a rehearsal on a CPU."""
    from kinemacolor.training.recipe_file import read_recipe

    source = GPU_RECIPES.get(name, name)
    if not tiny:
        return read_recipe(source)
    # random weights may overflow in the bfloat16 of a CPU
    recipe = read_recipe(source, {"batch_size": 1, "gradient_accumulation": 1, "precision": "float32"})
    frames = min(2, recipe.clips.frames)
    clips = replace(recipe.clips, frames=frames, size=TINY_FRAME_SIZE, crop=None)
    return recipe.model_copy(update={"clips": clips})


if __name__ == "__main__":
    VERBS: dict[str, Callable[..., int]] = {"train": run_training, "check": run_check, "bench": run_bench}
    sys.exit(VERBS[sys.argv[1]](**json.loads(sys.argv[2])))

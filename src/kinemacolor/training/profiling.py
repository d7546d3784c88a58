"""Where the steps of a training run spend their time: by stage, and by operation."""

import time
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from kinemacolor.nn.precision import flush_denormals
from kinemacolor.training.datasets import iter_batch_parts, load_training_data, move_data_to_device
from kinemacolor.training.distributed import ProcessGroup, join_process_group
from kinemacolor.training.initialization import build_model, load_loss_networks
from kinemacolor.training.recipe import Recipe
from kinemacolor.training.train_state import STAGES, TrainState

WARM_UP_STEPS = 2
OPERATIONS = 15  # that are listed


def profile_training(recipe: Recipe, device: str, steps: int) -> str:
    """Train ``steps`` steps after two that do not count, and format where they spent their time; nothing is written.

    Raises what `trainer.train` raises before the first step.
    """
    with join_process_group(device) as process_group, torch.random.fork_rng(), flush_denormals():
        data = load_training_data(recipe)
        if recipe.data.on_device:
            data = move_data_to_device(data, process_group.device)
        networks = load_loss_networks(recipe.losses)
        state = TrainState(build_model(recipe.model, recipe.seed), recipe, process_group, networks)
        batch_parts = iter_batch_parts(data.clips, recipe, process_group, 0)

        def run_steps(first: int, count: int) -> None:
            for step in range(first, first + count):
                with torch.profiler.record_function("clips"):
                    parts = [next(batch_parts).to(process_group.device) for _ in range(recipe.gradient_accumulation)]
                state.train_step(parts, step)
            _synchronize(process_group.device)

        run_steps(0, WARM_UP_STEPS)
        began = time.perf_counter(), time.process_time()
        run_steps(WARM_UP_STEPS, steps)
        wall, core = time.perf_counter() - began[0], time.process_time() - began[1]
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if process_group.device.type == "cuda" else [])]
        with profile(activities=activities) as profiler:
            run_steps(WARM_UP_STEPS + steps, steps)
    return _format_report(recipe, process_group, profiler.key_averages(), steps, wall, core)


def _format_report(
    recipe: Recipe, process_group: ProcessGroup, averages: Any, steps: int, wall: float, core: float
) -> str:
    """The text of `profile_training`; ``wall`` and ``core`` are seconds of ``steps`` without the profiler."""
    clips = steps * recipe.batch_size / process_group.world_size
    lines = [
        f"{recipe.model.name} on {_describe_device(process_group.device)}, {steps} steps of {recipe.batch_size} clips, "
        f"{torch.get_num_threads()} threads",
        f"{wall / steps:.3f} s a step, {clips / wall:.2f} clips and {clips * recipe.clips.frames / wall:.1f} frames a "
        f"second, {core / clips:.3f} core-seconds a clip",
    ]
    by_name = {row.key: row for row in averages}
    on_gpu = process_group.device.type == "cuda"
    lines += ["", f"{'stage':<12}{'ms a step, host':>18}{'ms a step, device':>20}"]
    for name in STAGES:
        row = by_name.get(name)
        if row is not None:
            device_time = f"{row.device_time_total / 1000 / steps:>20.1f}" if on_gpu else f"{'':>20}"
            lines.append(f"{name:<12}{row.cpu_time_total / 1000 / steps:>18.1f}{device_time}")
    if on_gpu:
        peak = torch.cuda.max_memory_allocated(process_group.device) / 1e9
        lines += ["", f"peak memory {peak:.1f} GB"]
    operations = [row for row in averages if row.key not in STAGES]
    operations.sort(key=lambda row: -(row.self_device_time_total if on_gpu else row.self_cpu_time_total))
    lines += ["", f"{'operation, itself':<50}{'ms a step':>12}{'calls a step':>14}"]
    for row in operations[:OPERATIONS]:
        own = row.self_device_time_total if on_gpu else row.self_cpu_time_total
        lines.append(f"{row.key[:48]:<50}{own / 1000 / steps:>12.1f}{row.count / steps:>14.0f}")
    return "\n".join(lines) + "\n"


def _describe_device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _synchronize(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

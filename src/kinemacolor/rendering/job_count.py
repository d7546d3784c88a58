"""How many processes paint one film side by side on this machine."""

from collections.abc import Sequence

from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.utils.machine import find_available_memory
from kinemacolor.utils.threads import count_cores

FRAMES_PER_JOB = 120  # to paint; it costs as much as painting 15 frames before it begins
JOB_BYTES = 1_000_000_000  # of memory that a process takes: 600 to 700 MB at 1080p, the rest for larger films


def choose_jobs(render_plan: RenderPlan, wanted: int | None = None, *, in_parts: bool = False) -> int:
    """Choose how many passes of a plan are painted at a time, at least 1.

    ``wanted`` is the user's number; None: what is good here, on a GPU one. Never more than passes are missing; on a GPU
    never more than there are, so that a run that goes on has the same batch, whatever of it was damaged. ``in_parts``:
    what is painted already is work too, for it has to be encoded.
    """
    if render_plan.work.runtime.device != "cpu":
        return max(1, min(wanted or 1, len(render_plan.passes)))
    missing = [
        len(one) - (0 if in_parts else one_folder.frames_painted) for one, one_folder in render_plan.iter_passes()
    ]
    lengths = [frames for frames in missing if frames]
    if wanted is not None:
        return max(1, min(wanted, len(lengths)))
    return count_jobs(
        lengths, cores=count_cores(), threads=render_plan.work.torch_threads, memory=find_available_memory()
    )


def count_jobs(lengths: Sequence[int], *, cores: int, threads: int, memory: int | None) -> int:
    """Count the processes that passes of these ``lengths`` (frames to paint) keep busy, as many as the machine bears.

    ``threads`` are those of each process; ``memory`` is what is free, in bytes, None where it is not known.
    """
    frames, longest = sum(lengths), max(lengths, default=0)
    if not longest:
        return 1
    bounds = [
        cores // threads,
        -(-frames // longest),  # while the longest pass is painted, others paint no more than the rest
        1 + (frames - longest) // FRAMES_PER_JOB,
        *([] if memory is None else [memory // JOB_BYTES]),
    ]
    return max(1, min(bounds))

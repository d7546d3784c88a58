"""How many threads the libraries that compute may take."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

FEW_CORES = 3  # up to which the stages of a job fill the cores without threads inside of a stage


def has_few_cores() -> bool:
    """Whether the stages of a job fill the cores of this machine, so that more threads only cost more."""
    return count_cores() <= FEW_CORES


def choose_painting_threads() -> int:
    """Choose the number of torch threads for painting: by the cores of the machine, however busy they are.

    One on few cores, else two, which take a fifth more CPU-seconds than one; further cores are for further processes.
    Never more than torch would take (OMP_NUM_THREADS).
    """
    import torch

    return min(1 if has_few_cores() else 2, torch.get_num_threads())


def count_cores() -> int:
    """Count the cores that this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_single_thread() -> None:
    """Limit torch and OpenCV to one thread each, for a process that works beside others of its kind."""
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch and OpenCV on one thread each in the block: where other threads or processes fill the cores."""
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    use_single_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])

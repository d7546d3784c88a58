"""How many threads the libraries that compute may take."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


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

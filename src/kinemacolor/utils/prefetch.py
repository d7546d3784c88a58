"""Generators that work ahead in a thread of their own, so that stages of a pipeline run at the same time."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import cv2

Item = TypeVar("Item")


def prefetch(
    items: Iterable[Item], ahead: int = 2, on_stop: Callable[[], None] | None = None
) -> Generator[Item, None, None]:
    """Yield the same items in the same order, produced by a thread that is at most ``ahead`` items in advance.

    An error of ``items`` is raised where its item would have been yielded. Closing the generator stops the
    thread and closes ``items``; ``on_stop`` is called first, to end what the thread may wait for.
    """
    end_marker = object()
    ready: queue.Queue[object] = queue.Queue(ahead)
    stopped = threading.Event()
    failure: list[BaseException] = []

    def put_until_stopped(item: object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce_items() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not put_until_stopped(item):
                    break
        except BaseException as error:  # handed to the consumer, who raises it
            failure.append(error)
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
            put_until_stopped(end_marker)

    thread = threading.Thread(target=produce_items, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not end_marker:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stopped.set()
        if on_stop:
            on_stop()
        thread.join()


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

"""Stages that work at the same time."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

import cv2
import torch

Item = TypeVar("Item")


def prefetch(
    items: Iterable[Item], ahead: int = 2, on_stop: Callable[[], None] | None = None
) -> Generator[Item, None, None]:
    """The same items in the same order, made by a thread that runs at most ``ahead`` items in advance.

    An error of the maker is raised where its item would have come. Closing the generator stops the
    thread and closes ``items``; ``on_stop`` is called first, to end what the thread may wait for.
    """
    done = object()
    ready: queue.Queue[object] = queue.Queue(ahead)
    stopped = threading.Event()
    failure: list[BaseException] = []

    def offer(item: object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not offer(item):
                    break
        except BaseException as error:  # handed to the consumer, who raises it
            failure.append(error)
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
            offer(done)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not done:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stopped.set()
        if on_stop:
            on_stop()
        thread.join()


def one_thread() -> None:
    """For a process that works beside others of its kind: one thread for each library."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

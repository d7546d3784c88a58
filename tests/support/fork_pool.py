"""Jobs in forked processes, so that one that crashes, hangs or is killed ends alone; forking costs no imports."""

import json
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

SPARE_BYTES = 4 << 30  # of address space that a child may take beyond what its parent has


def use_one_thread() -> None:
    """Let torch and OpenCV use no threads of their own: those of a parent do not live on in a child."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def fork_one(job: Callable[[], object], *, limit_memory: bool = True, said: Path | None = None) -> int:
    """Start a job in a child; gives its number. It ends with exit code 0, or 70 where the job raised.

    ``said``: a file that gets what the job says; else it is silent.
    """
    child = os.fork()
    if child:
        return child
    try:
        sink = os.open(said or os.devnull, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        for descriptor in (0, 1, 2):
            os.dup2(sink, descriptor)
        if limit_memory:
            with open("/proc/self/statm") as statm:
                size = int(statm.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + SPARE_BYTES, size + SPARE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        job()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(70)
    finally:
        os._exit(71)


def end(child: int) -> int:
    """Kill a child, and wait for it; gives the signal that it died of, or minus its exit code."""
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return wait_for(child)


def wait_for(child: int) -> int:
    """Wait for a child; gives the signal that it died of, or minus its exit code."""
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def wait_briefly(child: int, seconds: float) -> int | None:
    """Wait for a child at most so long; None where it still runs, else as `wait_for`."""
    until = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
        if time.monotonic() >= until:
            return None
        time.sleep(min(0.002, seconds / 10))


def run_forked(
    numbers: Sequence[int], job: Callable[[int], str], *, seconds: float, batch: int = 50
) -> Iterator[tuple[int, str]]:
    """Do a job for each number, many in one child; yields each number and what came of it, in words.

    "hang" after ``seconds``; "signal 11" where the child died of it: then the next child goes on behind that number.
    """
    position = 0
    while position < len(numbers):
        part = list(numbers[position : position + batch])
        reading, writing = os.pipe()
        child = fork_one(lambda part=part, writing=writing: _do_all(part, job, writing))
        os.close(writing)
        done = 0
        for number, words in _read_answers(reading, seconds):
            assert number == part[done]
            yield number, words
            done += 1
            if done == len(part):
                break
        os.close(reading)
        if done < len(part):
            died_of = wait_briefly(child, 0.5)
            yield part[done], "hang" if died_of is None else f"signal {died_of}" if died_of > 0 else f"exit {-died_of}"
            done += 1
            if died_of is None:
                end(child)
        else:
            wait_for(child)
        position += done


def _do_all(numbers: Sequence[int], job: Callable[[int], str], writing: int) -> None:
    for number in numbers:
        try:
            words = job(number)
        except BaseException as error:
            words = f"broken harness: {''.join(traceback.format_exception_only(error))} {traceback.format_exc()[-600:]}"
        os.write(writing, json.dumps([number, words[:2000]]).encode() + b"\n")


def _read_answers(reading: int, seconds: float) -> Iterator[tuple[int, str]]:
    """Yield what a child writes, a line for each job; ends where it is silent for so long, or closes."""
    pending = b""
    while True:
        ready, _, _ = select.select([reading], [], [], seconds)
        data = os.read(reading, 65536) if ready else b""
        if not data:
            return
        pending += data
        *lines, pending = pending.split(b"\n")
        for line in lines:
            number, words = json.loads(line)
            yield number, words

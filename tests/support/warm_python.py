"""Python processes that need no seconds for their imports: each is forked from one process that has them already.

Run as a program it stands for ``python``: ``warm_python.py ADDRESS -m MODULE WORD...``. What runs has the input, the
outputs, the folder and the variables that this program was given; both end together, in the same way.
``warm_python.py --web WORD...`` is ``kinemacolor web`` with `warm_jobs`.
"""

import atexit
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

PRELOADED = ("torch", "cv2", "av", "kinemacolor.web.worker", "kinemacolor.web.previewing")


@contextmanager
def warm_jobs() -> Iterator[None]:
    """Jobs and previews of the page are forked while the block runs; `test_queue` tests that they are also started."""
    import pytest

    from kinemacolor.web import helper_pool, worker_processes

    start = helper_pool.make_python_command

    def fork(*words: str) -> list[str]:
        return [sys.executable, "-P", __file__, _address(), *words]

    def fork_previews(*words: str) -> list[str]:  # others have a limit of memory, which the imports here exceed
        return fork(*words) if "kinemacolor.web.previewing" in words else start(*words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_processes, "make_python_command", fork)
        patch.setattr(helper_pool, "make_python_command", fork_previews)
        yield


@cache
def _address() -> str:
    """Where the process that has the imports is asked; it lives as long as this one."""
    import subprocess
    import tempfile

    from kinemacolor.utils.processes import make_python_command, make_python_environment

    folder = tempfile.TemporaryDirectory(prefix="warm-")
    address = f"{folder.name}/socket"
    command = make_python_command(__file__, "--serve", address)
    process = subprocess.Popen(
        command, env=make_python_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"

    @atexit.register
    def end() -> None:
        process.kill()
        process.wait()
        folder.cleanup()

    return address


def serve(address: str) -> None:
    """Fork whatever is asked for, until the input closes."""
    for name in PRELOADED:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([listener, 0], [], [])
            if 0 in ready:
                return
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _keep(connection)
            connection.close()


def _keep(connection: socket.socket) -> None:
    """Fork one process, tell how it ended, and kill it when nobody follows it any more. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    first, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    with connection.makefile("rb") as stream:
        asked = json.loads(first + stream.readline())
    process = os.fork()
    if process == 0:
        connection.close()
        _run(descriptors, **asked)
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(process)
    if ended not in select.select([connection, ended], [], [])[0]:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    try:
        connection.sendall(json.dumps(status).encode())
    finally:
        os._exit(0)


def _run(descriptors: Sequence[int], words: list[str], folder: str, environment: dict[str, str]) -> None:
    """Be the process that was asked for. Does not return."""
    code = 1
    try:
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
            os.close(descriptor)
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        assert words[0] == "-m"
        sys.argv = words[1:]
        sys.modules.pop(words[1], None)  # or a warning would say that it is there already
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def follow(address: str, words: Sequence[str]) -> int:
    """Have a process forked and wait for it; gives its exit code, or ends by the signal that ended it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        asked = {"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}
        socket.send_fds(connection, [b" "], [0, 1, 2])
        connection.sendall(json.dumps(asked).encode() + b"\n")
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        status = json.loads(connection.recv(64) or b"256")
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    elif sys.argv[1] == "--web":
        from kinemacolor.cli.main import run

        with warm_jobs():
            sys.exit(run(["web", *sys.argv[2:]]))
    else:
        sys.exit(follow(sys.argv[1], sys.argv[2:]))

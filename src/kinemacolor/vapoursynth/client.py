"""The script's side: starts what paints, asks it for the colours of frames, and gives it the frames that it wants.

It needs neither torch nor VapourSynth.
"""

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from kinemacolor.errors import InputError, KinemacolorError, ResourceError, UsageError, WeightsError, find_machine_fault
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.processes import OWN_GROUP_FLAG, make_python_command, make_python_environment
from kinemacolor.vapoursynth.messages import Channel, Message, PipeChannel, QueueChannel

_ERRORS = {kind.exit_code: kind for kind in (UsageError, InputError, WeightsError, ResourceError)}
_OWN_GROUP = None if sys.platform == "win32" else 0  # Ctrl-C reaches the script alone, with which the worker ends
_SECONDS_TO_END = 20.0


class ClipFrame(NamedTuple):
    """A frame of a clip: luma codes ``H W``, and whether it is said to begin a shot (None: nothing is said)."""

    luma_codes: UIntArray
    begins_shot: bool | None = None


ReadFrame = Callable[[int], ClipFrame]


class PaintingClient:
    """Asks for the colours of a clip's frames, by number. Any thread may ask; they take turns.

    ``settings`` and ``pictures`` are those of `server.ClipJob`. The network runs in a thread of this process, or in a
    process of the Python at ``python``, which has this version of kinemacolor. ``read_frame`` reads a frame of the
    clip; it is called only while somebody asks, in the thread that does.

    Raises KinemacolorError for what a user can mend.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        read_frame: ReadFrame,
        *,
        pictures: tuple[UIntArray, ...] = (),
        python: str | None = None,
    ) -> None:
        self._lock, self._python = threading.Lock(), python
        self._end: tuple[type[KinemacolorError], str] | None = None  # why there are no more answers
        self._process = _start_worker(python) if python else None
        self._thread: threading.Thread | None = None
        if self._process:
            self._channel: Channel = _open_pipe(self._process)
        else:
            self._channel, self._thread = _start_thread()
        try:
            self._ask(Message("open", dict(settings), pictures), read_frame)
        except BaseException:
            self.close()
            raise

    def paint(self, frame: int, read_frame: ReadFrame, *, with_confidence: bool = False) -> tuple[UIntArray, ...]:
        """Return the Cb and Cr codes of a frame, ``2 h w``; and its confidence, ``H W``, 0..255, if that is wanted.

        Raises KinemacolorError, and what ``read_frame`` raises beyond that.
        """
        return self._ask(Message("paint", {"frame": frame, "with_confidence": with_confidence}), read_frame)

    def close(self) -> None:
        """End what paints; its thread or process has ended afterwards."""
        self._channel.close()
        if self._thread and self._thread is not threading.current_thread():  # where Python may let go of a clip, too
            self._thread.join(_SECONDS_TO_END)
        process = self._process
        if process is None or process.returncode is not None:
            return
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def _ask(self, request: Message, read_frame: ReadFrame) -> tuple[UIntArray, ...]:
        """Send a request, serve what is wanted for it, and give the arrays of the answer.

        What ``read_frame`` raises leaves here once the request is answered: the next one has an answer of its own.
        """
        with self._lock:
            if self._end:
                raise self._end[0](self._end[1])
            # Whoever is interrupted in between would leave an answer behind, which is not that of the next frame.
            self._end = ResourceError, "what paints was interrupted in the middle of an answer: open the script again"
            answer, failure = self._exchange(request, read_frame)
            self._end = self._find_end(answer)
            if failure:
                try:
                    raise failure
                finally:
                    del failure  # else it holds the script's frames, and they it
            if self._end:
                raise self._end[0](self._end[1])
            assert answer
            if answer.kind == "error":
                raise _ERRORS.get(answer.values["exit_code"], KinemacolorError)(answer.values["words"])
            return answer.arrays

    def _exchange(self, request: Message, read_frame: ReadFrame) -> tuple[Message | None, BaseException | None]:
        """Send a request and serve what is wanted for it; gives its answer, and what was no fault of a user's."""
        failure = None
        self._channel.send(request)
        while (answer := self._channel.receive()) is not None and answer.kind == "want":
            frame = answer.values["frame"]
            try:
                found = None if failure else _read_wanted(frame, read_frame)
            except BaseException as error:  # raised by who called
                found, failure = None, error
            self._channel.send(found or Message("no_luma", {"frame": frame, "words": repr(failure)}))
        return answer, failure

    def _find_end(self, answer: Message | None) -> tuple[type[KinemacolorError], str] | None:
        """Find out whether this is the last answer, and why: it is told to all who ask later."""
        if answer is None:
            return ResourceError, f"what paints {self._describe_end()}"
        return (KinemacolorError, answer.values["words"]) if answer.kind == "fault" else None

    def _describe_end(self) -> str:
        if self._process is None:
            return "was closed"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        code = self._process.returncode
        how = "does not answer" if code is None else f"ended (signal {-code})" if code < 0 else f"ended (code {code})"
        return f"{how}: look at its messages above; memory may be short, or {self._python} lacks kinemacolor"


def _read_wanted(frame: int, read_frame: ReadFrame) -> Message:
    """Read a frame for who wants it; whatever keeps the script's other filters from making it is told in words."""
    values: dict[str, Any] = {"frame": frame}
    try:
        found = read_frame(frame)
    except KinemacolorError as error:
        return Message("no_luma", values | {"words": str(error)})
    return Message("luma", values | {"begins_shot": found.begins_shot}, (found.luma_codes,))


def _start_thread() -> tuple[Channel, threading.Thread]:
    """Start a thread of this process that paints."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "this Python has no torch: install it, or name the Python of an environment that has kinemacolor and "
            "torch, python='/path/to/bin/python'"
        )
    from kinemacolor.vapoursynth.server import serve  # torch comes with it

    here, there = QueueChannel.make_pair()
    thread = threading.Thread(target=serve, args=(there,), name="kinemacolor", daemon=True)
    thread.start()
    return here, thread


def _start_worker(python: str) -> "subprocess.Popen[bytes]":
    """Start a process that paints, in the Python of another environment."""
    environment = {name: value for name, value in make_python_environment().items() if name != "PYTHONHOME"}
    try:
        return subprocess.Popen(  # noqa: S603
            make_python_command("-m", "kinemacolor.vapoursynth.worker_process", python=os.fspath(python)),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=_OWN_GROUP,
            creationflags=OWN_GROUP_FLAG,
        )
    except OSError as error:
        fault = find_machine_fault(error)
        raise fault or UsageError(f"{python} cannot be started ({error.strerror}): name a Python") from error


def _open_pipe(process: "subprocess.Popen[bytes]") -> Channel:
    assert process.stdin
    assert process.stdout
    return PipeChannel(process.stdout, process.stdin)

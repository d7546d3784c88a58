"""The process of one local worker: ``python -m kinemacolor.rendering.worker_process``, started by `local_workers`.

Its input is a `WorkerConfig`, then one `InferencePass` or `FilmPart` after another, each pickled behind a line with its
length; its output one pickled `Answer` after another. It ends as soon as its input closes, so also when its parent is
killed.
"""

import io
import os
import pickle
import queue
import threading
import traceback
from contextlib import suppress
from typing import IO, Any, Literal

from kinemacolor.errors import KinemacolorError
from kinemacolor.utils.processes import take_input
from kinemacolor.utils.quick_start import prepare_quick_start

# What a worker does now, as `WorkerEvent.kind`, and the error that ends it.
Answer = tuple[Literal["idle", "segment", "lost"], BaseException | None]


def write_request(stream: IO[bytes], request: object) -> None:
    """Send a request to the process that reads the other end of a pipe."""
    data = pickle.dumps(request)
    stream.write(b"%d\n" % len(data) + data)
    stream.flush()


def main() -> None:
    """Paint the passes and encode the parts that are asked for, until the input closes."""
    prepare_quick_start()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    requests: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read_requests, args=(io.BufferedReader(take_input()), requests), daemon=True).start()

    def send_answer(answer: Answer) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    try:
        from kinemacolor.rendering.parts import FilmPart
        from kinemacolor.rendering.pass_worker import Worker  # torch comes with it: from here on the input is watched

        worker = Worker()
        worker.configure(_next_request(requests))
        while True:
            send_answer(("idle", None))
            request = _next_request(requests)
            if isinstance(request, FilmPart):
                worker.encode_part(request)
                continue
            for _ in worker.paint_pass(request, {}):
                send_answer(("segment", None))
    except BaseException as error:  # handed to the parent, who raises it
        with suppress(BrokenPipeError):
            send_answer(("lost", _make_portable(error)))


def _read_requests(stream: IO[bytes], requests: "queue.Queue[bytes]") -> None:
    """Read requests as bytes, as they cannot be understood before all modules are loaded; at the end, end at once."""
    while line := stream.readline():
        requests.put(stream.read(int(line)))
    os._exit(0)


def _next_request(requests: "queue.Queue[bytes]") -> Any:
    return pickle.loads(requests.get())  # noqa: S301  from our parent


def _make_portable(error: BaseException) -> BaseException:
    """Return an error as it can be sent; where it is no user's fault, with the lines where it was raised."""
    if not isinstance(error, KinemacolorError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except (pickle.PickleError, TypeError, AttributeError):
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


if __name__ == "__main__":
    main()

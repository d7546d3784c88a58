"""The process that opens what users sent, so that the server does not: it may run out of memory, break, or hang.

``python -m kinemacolor.web.helper MODULE MEMORY`` answers calls, JSON lines, by functions that ``MODULE.prepare()``
names, until its input closes. ``MEMORY``: the most that it may take, in bytes; 0: any.
"""

import importlib
import json
import os
import sys
from typing import Any

from kinemacolor.errors import KinemacolorError, UsageError, translate_foreign_errors
from kinemacolor.utils.quick_start import prepare_quick_start
from kinemacolor.web.storage import NotFoundError

if sys.platform != "win32":  # which has no such limits
    import resource


def limit_memory(most_bytes: int) -> None:
    """Let this process take no more memory than that, and leave no picture of it behind where it breaks."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and most_bytes:  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))


def answer_call(calls: dict[str, Any], line: str) -> dict[str, object]:
    """Answer a call: its ``result``, or the ``error`` with its ``exit_code``."""
    try:
        with translate_foreign_errors(_describe_mistake):
            asked = json.loads(line)
            return {"result": calls[asked["call"]](**asked["arguments"])}
    except KinemacolorError as error:
        return {"error": str(error), "exit_code": error.exit_code, "not_found": isinstance(error, NotFoundError)}


def _describe_mistake(error: Exception) -> KinemacolorError:
    return KinemacolorError(f"a mistake of the program ({type(error).__name__}: {error})")


def main(module: str, memory: str) -> None:
    """Answer calls until the input closes. Whatever libraries print goes to the error output."""
    if not module.startswith("kinemacolor.web."):
        raise UsageError(f"{module} is no module of the page")
    prepare_quick_start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    limit_memory(int(memory))
    calls = importlib.import_module(module).prepare()
    for line in sys.stdin:
        answer = json.dumps(answer_call(calls, line)) + "\n"
        try:
            answers.write(answer)
            answers.flush()
        except BrokenPipeError:  # the server was killed; what is left would be written once more at an orderly end
            os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

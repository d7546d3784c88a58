"""The process that paints for a script: ``python -m kinemacolor.vapoursynth.worker_process``, started by `client`.

It ends as soon as its input closes, so also when the script is killed.
"""

import os
import sys

from kinemacolor.utils.quick_start import prepare_quick_start
from kinemacolor.vapoursynth.messages import PipeChannel


def main() -> None:
    """Paint what is asked for, until the input closes. What libraries print goes to the error output."""
    prepare_quick_start()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from kinemacolor.vapoursynth.server import serve  # torch comes with it

    serve(PipeChannel(sys.stdin.buffer, answers))
    os._exit(0)  # a thread may still wait for input, which Python's own end does not survive


if __name__ == "__main__":
    main()

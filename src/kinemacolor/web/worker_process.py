"""The process of one job: it imports all that jobs need, waits for its order, does it, and ends.

``python -m kinemacolor.web.worker_process`` takes a `JobOrder`, a JSON line, from its input. It tells of its progress
in JSON lines, and stops when its input closes; a job that was stopped goes on where it was.
"""

import os
import sys

from kinemacolor.utils.processes import take_input
from kinemacolor.utils.quick_start import prepare_quick_start
from kinemacolor.web.job_messages import JobOrder


def main() -> int:
    """Return the exit code of the command line; 0 where the input closes before there is an order."""
    prepare_quick_start()
    from kinemacolor.web import worker  # which imports torch

    stream = take_input()
    line = stream.readline()
    if not line:
        return 0
    order = JobOrder.model_validate_json(line)
    log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 2)
    os.close(log)
    return worker.do_job(order, stream)


if __name__ == "__main__":
    sys.exit(main())

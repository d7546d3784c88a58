"""What a server and the process of a job tell each other: JSON objects, one a line.

The server sends one `JobOrder`. The process tells of its progress on its standard output, amid whatever else talks.
"""

import json

from pydantic import BaseModel, ConfigDict, TypeAdapter


class JobOrder(BaseModel):
    """A job to do: the project's folder, the job's number, the device, and the file for the error output."""

    model_config = ConfigDict(extra="forbid", strict=True)
    project: str
    job: str
    device: str
    log: str


class ProgressMessage(BaseModel):
    """Of ``step``, ``done`` of ``expected`` is finished; None: it is not known how much there is."""

    model_config = ConfigDict(extra="forbid", strict=True)
    step: str
    done: int
    expected: int | None = None


class EndMessage(BaseModel):
    """The last words: the failure, if it failed; the file that was made, relative to the project."""

    model_config = ConfigDict(extra="forbid", strict=True)
    error: str | None = None
    result: str | None = None


_MESSAGE: TypeAdapter[ProgressMessage | EndMessage] = TypeAdapter(ProgressMessage | EndMessage)


def parse_message(line: str) -> ProgressMessage | EndMessage | None:
    """Read a line; None for what is no message: libraries print, too."""
    try:
        return _MESSAGE.validate_python(json.loads(line))
    except (ValueError, RecursionError):
        return None

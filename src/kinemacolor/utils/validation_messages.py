"""Messages for the faults that pydantic finds in a file that a person edited."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

MOST_FAULTS = 8  # told of one file
_ERROR_TEXTS = {"extra_forbidden": "unknown key", "unexpected_keyword_argument": "unknown key", "missing": "is missing"}


def describe_validation_errors(
    error: ValidationError, rename_location: Callable[[tuple[Any, ...]], tuple[Any, ...]] = lambda location: location
) -> str:
    """Return the first faults with their keys, as one line; ``rename_location`` may change the path of a key."""
    faults = error.errors(include_input=False, include_url=False)
    told = [_describe_error(fault, rename_location(fault["loc"])) for fault in faults[:MOST_FAULTS]]
    more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return "; ".join([*told, *more])


def _describe_error(error: Any, location: tuple[Any, ...]) -> str:
    """Return ``key: what is wrong`` for one fault of pydantic."""
    key = ".".join(str(part)[:60] for part in location)
    text = _ERROR_TEXTS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    return f"{key}: {text}" if key else text

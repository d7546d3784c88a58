"""Messages for the faults that pydantic finds in a file that a person edited."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

_ERROR_TEXTS = {"extra_forbidden": "unknown key", "unexpected_keyword_argument": "unknown key", "missing": "is missing"}


def describe_validation_errors(
    error: ValidationError, rename_location: Callable[[tuple[Any, ...]], tuple[Any, ...]] = lambda location: location
) -> str:
    """Return all faults with their keys, as one line; ``rename_location`` may change the path of a key."""
    return "; ".join(_describe_error(fault, rename_location(fault["loc"])) for fault in error.errors())


def _describe_error(error: Any, location: tuple[Any, ...]) -> str:
    """Return ``key: what is wrong`` for one fault of pydantic."""
    key = ".".join(str(part) for part in location)
    text = _ERROR_TEXTS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    return f"{key}: {text}" if key else text

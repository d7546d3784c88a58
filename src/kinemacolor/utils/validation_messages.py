"""What is wrong in a file that a person edited, in words."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

_ERROR_TEXTS = {"extra_forbidden": "unknown key", "unexpected_keyword_argument": "unknown key", "missing": "is missing"}


def describe_validation_errors(
    error: ValidationError, rename_location: Callable[[tuple[Any, ...]], tuple[Any, ...]] = lambda where: where
) -> str:
    """Every fault with its key, one after the other; ``place`` may rename where a key stands."""
    return "; ".join(_describe_error(fault, rename_location(fault["loc"])) for fault in error.errors())


def _describe_error(error: Any, location: tuple[Any, ...]) -> str:
    key = ".".join(str(part) for part in location)
    text = _ERROR_TEXTS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    return f"{key}: {text}" if key else text

"""What is wrong in a file that a person edited, in words."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

_KNOWN = {"extra_forbidden": "unknown key", "unexpected_keyword_argument": "unknown key", "missing": "is missing"}


def faults_of(error: ValidationError, place: Callable[[tuple[Any, ...]], tuple[Any, ...]] = lambda where: where) -> str:
    """Every fault with its key, one after the other; ``place`` may rename where a key stands."""
    return "; ".join(_fault(fault, place(fault["loc"])) for fault in error.errors())


def _fault(fault: Any, where: tuple[Any, ...]) -> str:
    place = ".".join(str(part) for part in where)
    text = _KNOWN.get(fault["type"], str(fault["msg"]).removeprefix("Value error, "))
    return f"{place}: {text}" if place else text

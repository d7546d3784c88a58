"""The result of one comparison."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """The result of one comparison: what was compared, whether it passed, and what was found, in words."""

    name: str
    passed: bool
    detail: str

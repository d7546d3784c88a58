"""What a difference costs, by name; apart from the functions, so that recipes are read without torch."""

from typing import Literal

Penalty = Literal["l1", "l2"]

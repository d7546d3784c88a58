"""How messages form their words: numbers with their nouns, and text of others without what a terminal would obey."""

import re

# What moves a cursor, begins a line, or turns the direction of writing: the name of a file may hold it.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def format_count(number: int, noun: str) -> str:
    """Write a number and its noun, which is given in the singular: ``1 shot``, ``2 shots``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def make_visible(text: str) -> str:
    r"""Write control characters, line ends and those that turn the direction of writing as ``\x1b`` or ``\u202e``."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)

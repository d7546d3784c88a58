"""How messages form their words: numbers with their nouns, and text of others without what a terminal would obey."""

import re
import shlex
from collections.abc import Sequence

# What moves a cursor, begins a line, or turns the direction of writing: the name of a file may hold it.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NOT_UTF8 = re.compile(r"[\udc80-\udcff]")  # bytes of a name that are none, as Python holds them


def format_count(number: int, noun: str) -> str:
    """Write a number and its noun, which is given in the singular: ``1 shot``, ``2 shots``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def format_bytes(size: float) -> str:
    """Write how much room something takes: ``12.3 GB``, ``4.0 MB``, ``0.9 kB``."""
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if size >= unit), (1e3, "kB"))
    return f"{size / unit:.1f} {name}"


def make_visible(text: str) -> str:
    r"""Write control characters, line ends and those that turn the direction of writing as ``\x1b`` or ``\u202e``."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def format_command(words: Sequence[str]) -> str:
    r"""Write a command of ours, by the words behind `kinemacolor`, as it can be pasted into a shell.

    A word that `make_visible` would change, or that is no UTF-8, is written ``$'\x1b'``, as bash, zsh and ksh read it.
    """
    return " ".join(["kinemacolor", *map(_quote_word, words)])


def _quote_word(word: str) -> str:
    if not _CONTROLS.search(word) and not _NOT_UTF8.search(word):
        return shlex.quote(word)
    return f"$'{''.join(map(_escape_letter, word))}'"


def _escape_letter(letter: str) -> str:
    if _CONTROLS.match(letter) or _NOT_UTF8.match(letter):
        return "".join(f"\\x{byte:02x}" for byte in letter.encode(errors="surrogateescape"))
    return f"\\{letter}" if letter in "\\'" else letter

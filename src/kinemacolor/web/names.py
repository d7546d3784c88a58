"""Names that users give, made fit to be shown and to be names of files on every system."""

import re
import unicodedata

from kinemacolor.errors import UsageError

MAX_NAME_BYTES, MAX_SUFFIX_BYTES = 120, 11  # bytes
# By Windows, with or without a suffix, also with blanks before it.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
# Control and format characters (bidirectional controls and zero-width ones are among them), halves of surrogates,
# characters without a meaning of their own, and separators of lines and paragraphs.
_UNSEEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# What Unicode calls default-ignorable in other categories: joiners, fillers, variation selectors; and Braille's blank.
_UNSEEN_RANGES = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0000, 0xE0FFF)),
)


def clean_name(name: str) -> str:
    """Return a name as it is shown: without what cannot be seen or turns the order of letters round, in NFC.

    Every kind of blank becomes a space; what breaks lines is left out. The result may be empty.
    """
    seen = "".join(" " if unicodedata.category(one) == "Zs" else one for one in name if not _is_unseen(one))
    return unicodedata.normalize("NFC", seen).strip()


def safe_file_name(name: str) -> str:
    """Return a `clean_name` without folders and without what some file systems forbid; the suffix stays.

    It has at most `MAX_NAME_BYTES` bytes. Raises UsageError where nothing is left, or the suffix is too long.
    """
    last = clean_name(name.replace("\\", "/").rsplit("/", 1)[-1])
    stem, dot, suffix = _FORBIDDEN.sub("_", last).strip(" .").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    ending = (dot + suffix).encode()
    stem = _cut(stem, MAX_NAME_BYTES - len(ending))
    if _RESERVED.match(stem):
        stem = _cut(f"_{stem}", MAX_NAME_BYTES - len(ending))
    if not stem.strip("_") or len(ending) > MAX_SUFFIX_BYTES:
        raise UsageError(f"{clean_name(name)[:60]!r} is no name for a file: rename it")
    return f"{stem}{ending.decode()}"


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode("utf-8", "ignore").strip(" .")


def _is_unseen(letter: str) -> bool:
    code = ord(letter)
    return unicodedata.category(letter) in _UNSEEN_CATEGORIES or any(a <= code <= z for a, z in _UNSEEN_RANGES)

"""Digests of results as files beside them: lists that ``sha256sum -c`` reads, and bags (BagIt, RFC 8493).

A bag is a folder whose ``data`` holds what is handed over, beside lists of the digests of all files in it. The package
`bagit` would read every file again to make one; here the digests are known already.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from kinemacolor._version import __version__
from kinemacolor.utils.bags import BAG_MARK, PAYLOAD_FOLDER

FIXITY_SUFFIX = ".sha256"
# In the order in which they get their names: without the last it is no bag yet.
BAG_FILES = ("manifest-sha256.txt", "bag-info.txt", "tagmanifest-sha256.txt", BAG_MARK)


def make_fixity_path(result: Path) -> Path:
    """Return where the digests of a result lie: ``film.color.mkv.sha256``."""
    return result.with_name(f"{result.name}{FIXITY_SUFFIX}")


def format_fixity(digests: Mapping[str, str]) -> str:
    """Write the SHA-256 of files, by their names, as the lines that ``sha256sum -c`` reads."""
    return "".join(_format_line(name, sha256) for name, sha256 in digests.items())


def list_fixity_names(text: str) -> set[str]:
    """List the names in lines of `format_fixity`; nothing where others stand there too."""
    lines = [re.fullmatch(r"(\\?)[0-9a-f]{64} [ *](.+)", line) for line in text.removesuffix("\n").split("\n")]
    letters = {"n": "\n", "r": "\r"}

    def read_name(line: re.Match[str]) -> str:
        return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), line[2]) if line[1] else line[2]

    return {read_name(line) for line in lines if line} if all(lines) else set()


def _format_line(name: str, sha256: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{sha256}  {escaped}\n"


def list_files(path: Path, name: str) -> dict[str, Path]:
    """List the files of a result, which is a file or a folder, by the names that they have where it is ``name``."""
    if not path.is_dir():
        return {name: path}
    inside = sorted(file for file in path.rglob("*") if file.is_file())
    return {f"{name}/{file.relative_to(path).as_posix()}": file for file in inside}


def make_bag_files(payload: Mapping[str, tuple[str, int]]) -> dict[str, str]:
    """Make the texts of the `BAG_FILES`.

    ``payload``: SHA-256 and bytes of each file, by its name in ``data``, without ``%`` and breaks of lines.
    """
    size = sum(size for _, size in payload.values())
    manifest = [f"{sha256}  {PAYLOAD_FOLDER}/{name}\n" for name, (sha256, _) in sorted(payload.items())]
    information = {
        "Bag-Software-Agent": f"Kinemacolor {__version__}",
        "Bagging-Date": f"{datetime.now(UTC):%Y-%m-%d}",
        "External-Description": "A film with synthetic colours, and what is known of them",
        "Payload-Oxum": f"{size}.{len(payload)}",
    }
    texts = {
        "manifest-sha256.txt": "".join(manifest),
        "bag-info.txt": "".join(f"{label}: {value}\n" for label, value in information.items()),
        "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
    }
    tags = [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(texts.items())]
    texts["tagmanifest-sha256.txt"] = "".join(tags)
    return {name: texts[name] for name in BAG_FILES}

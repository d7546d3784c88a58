"""Bags (BagIt, RFC 8493) on the disk, which a file more in their payload makes invalid."""

import os
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.utils.files import resolve_folder

PAYLOAD_FOLDER, BAG_MARK = "data", "bagit.txt"  # without the mark a folder is no bag


def list_bag_folders(path: Path) -> list[Path]:
    """List the folders of which a path, or what it leads to where it is a link, lies in the payload, as of bags."""
    ways = [inside for way in {Path(os.path.realpath(path)), resolve_folder(path)} for inside in (way, *way.parents)]
    return [inside.parent for inside in ways if inside.name == PAYLOAD_FOLDER]


def check_outside_bags(path: Path, own: Path | None = None) -> None:
    """Check that a file or folder which will be written lies in no bag but ``own``. Raises UsageError."""
    around = list_bag_folders(path)
    if any((bag / BAG_MARK).is_file() for bag in around if own is None or bag != own.resolve()):
        raise UsageError(f"{path} would make the bag that it lies in invalid: name a place outside of it")

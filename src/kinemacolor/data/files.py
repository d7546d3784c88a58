"""Files that are there whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from kinemacolor.store import writing


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is written whole, also where others write the same one.

    Raises ResourceError where the disk is full or refuses.
    """
    new = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as stream:
                yield stream
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)

"""The user's folder of weights: files named by their contents, one row of a manifest for each, downloads."""

import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag, urlsplit
from urllib.request import urlopen
from uuid import uuid4

from kinemacolor.errors import ResourceError, UsageError, WeightsError
from kinemacolor.utils.files import compute_file_sha256, translate_disk_errors

if TYPE_CHECKING:
    from torch import Tensor

TIMEOUT_SECONDS = 60  # of a download without a byte
ABANDONED_SECONDS = 24 * 3600  # age at which the folder of an unfinished import is deleted
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class WeightsEntry:
    """One row of a manifest: where a part's weights come from and what may be done with them.

    ``file`` and its ``sha256`` are those of our own file, None while there is none. ``url`` lists addresses of the
    published file, each followed by ``#sha256=`` and the first digits of its sha256, where these are known. An import
    records ``source`` (the name of the file), ``source_sha256``, and the ``options`` that the model needs.
    """

    licence: str
    provenance: str
    trained_on: str
    non_commercial: bool = False
    published: bool = True
    url: list[str] | None = None
    file: str | None = None
    sha256: str | None = None
    source: str | None = None
    source_sha256: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def user_folder() -> Path:
    """Return the folder of imported weights and their manifest: ``KINEMACOLOR_HOME``, or the system's for user data."""
    chosen = os.environ.get("KINEMACOLOR_HOME")
    if chosen:
        return Path(chosen)
    import platformdirs  # here, because a training machine says where and may lack it

    return platformdirs.user_data_path("kinemacolor", appauthor=False)


def user_file(part: str) -> Path:
    """Return the path of a part's weights, imported or not yet. Raises as `user_manifest`."""
    entry = user_manifest().get(part)
    return user_folder() / "weights" / (entry.file if entry and entry.file else f"{part}.safetensors")


def user_manifest() -> dict[str, WeightsEntry]:
    """Read the rows of imported parts, by part; each is a file. Raises WeightsError where one is damaged."""
    entries = {}
    for path in sorted((user_folder() / "weights").glob("*.json")):
        try:
            entries[path.stem] = WeightsEntry(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise WeightsError(f"{path} cannot be read ({error}): delete it and import the weights again") from error
    return entries


@contextmanager
def staging_folder() -> Iterator[Path]:
    """Make a temporary folder beside the imported weights, from which a file can be moved there in one step.

    Raises ResourceError where it cannot be made.
    """
    weights = user_folder() / "weights"
    with translate_disk_errors(weights):
        weights.mkdir(parents=True, exist_ok=True)
        for left in weights.glob(".import-*"):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        folder = tempfile.TemporaryDirectory(dir=weights, prefix=".import-", ignore_cleanup_errors=True)
    with folder as path:
        yield Path(path)


def store_parts(parts: Mapping[str, tuple[WeightsEntry, Mapping[str, "Tensor"]]], folder: Path) -> None:
    """Write parts into ``folder`` (`staging_folder`), and move them to the imported weights when all are written.

    A file is named by its contents, and its row is replaced last and in one step, so at any moment a row and its file
    belong together. Raises ResourceError where the disk is full or refuses.
    """
    from safetensors.torch import save_file  # torch comes with it

    weights, previous = user_folder() / "weights", user_manifest()
    rows = {}
    with translate_disk_errors(user_folder()):
        for part, (entry, tensors) in parts.items():
            path = folder / f"{part}.safetensors"
            save_file(dict(tensors), path)
            digest = compute_file_sha256(path)
            rows[part] = replace(entry, file=f"{part}-{digest[:12]}.safetensors", sha256=digest)
            text = json.dumps(asdict(rows[part]), indent=2) + "\n"
            (folder / f"{part}.json").write_text(text, encoding="utf-8")
        for part, row in rows.items():
            (folder / f"{part}.safetensors").replace(weights / str(row.file))
            (folder / f"{part}.json").replace(weights / f"{part}.json")
        for part, row in previous.items():
            if part in rows and row.file and row.file != rows[part].file:
                (weights / row.file).unlink(missing_ok=True)


def download_file(url: str, folder: Path) -> tuple[str, Path]:
    """Download a file into ``folder``; gives its name in the URL, and its path, which has a name of ours.

    ``#sha256=`` at the end of the URL gives the first digits of its sha256. Raises UsageError for a URL that is neither
    https nor of this machine, WeightsError where the file cannot be downloaded or is another one, ResourceError where
    the disk is full.
    """
    address, fragment = urldefrag(url)
    parts = urlsplit(address)
    if parts.scheme not in ("https", "file") and (parts.scheme, parts.hostname) != ("http", "127.0.0.1"):
        raise UsageError(f"{url} is not fetched, only https:// is: download it yourself and name the file")
    name = PurePosixPath(unquote(parts.path)).name
    path = folder / (uuid4().hex + PurePosixPath(name).suffix)
    wanted = fragment.removeprefix("sha256=")
    by_hand = "download it by hand, then `kinemacolor models import MODEL FILE`"
    try:
        with urlopen(address, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as sink:  # noqa: S310
            if parts.scheme == "https" and urlsplit(response.url).scheme != "https":
                raise WeightsError(f"{address} leads to {response.url}, which is not https: {by_hand}")
            shutil.copyfileobj(response, sink)
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS:
            raise ResourceError(f"{folder} is full ({error.strerror}): make space") from error
        raise WeightsError(f"{address} was not fetched ({error}): {by_hand}") from error
    found = compute_file_sha256(path)
    if not found.startswith(wanted):
        raise WeightsError(f"{address} is not the published file (sha256 {found[:12]}…, wanted {wanted}…): {by_hand}")
    return name, path

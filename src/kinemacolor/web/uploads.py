"""Uploads that come in pieces, each a folder of its own: what came stays when a connection breaks, for a day."""

import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, Field

from kinemacolor.errors import InputError, ResourceError, UsageError, find_machine_fault
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.web.names import safe_file_name
from kinemacolor.web.storage import NotFoundError, Storage, is_identifier

MAX_PIECE_BYTES = 16 * 2**20
MAX_OPEN_UPLOADS = 20_000  # of a user: the pictures of a film come one by one
SHOWN = Path("the upload")  # in words for its user, who does not know the names of folders


class UploadView(BaseModel):
    """A file that comes in pieces: ``received`` of ``size`` bytes are there."""

    id: str
    name: str
    size: int
    received: int


class UploadEntry(BaseModel):
    """What is noted of an upload beside it: its cleaned name, and how many bytes it will have."""

    name: str
    size: int = Field(ge=0)


class OffsetError(UsageError):
    """A piece does not begin where the last one ended; ``upload`` says where that is."""

    def __init__(self, upload: UploadView) -> None:
        super().__init__(f"this upload goes on at byte {upload.received}: send it from there")
        self.upload = upload


@dataclass(frozen=True)
class Upload:
    """An upload by its folder, whose name is the user's key and the upload's id."""

    folder: Path

    @property
    def data_file(self) -> Path:
        """What came until now."""
        return self.folder / "data"

    def make_view(self) -> UploadView:
        """Return the upload as its user sees it. Raises NotFoundError where it is gone."""
        try:
            entry = UploadEntry.model_validate_json((self.folder / "entry.json").read_text(encoding="utf-8"))
            received = self.data_file.stat().st_size
        except (OSError, ValueError) as error:
            raise NotFoundError("this upload is gone: begin it again") from error
        return UploadView(id=self.folder.name.rpartition("-")[2], received=received, **entry.model_dump())

    def renew(self) -> None:
        """Have it kept for a day from now on. Raises ResourceError where the disk refuses."""
        with translate_disk_errors(SHOWN), suppress(FileNotFoundError):  # `make_view` tells that it is gone
            os.utime(self.folder)

    def lend(self) -> Path:
        """Return a second name of what came, which may be moved away, or its only one on a disk that has no second.

        Raises ResourceError where the disk is full or refuses.
        """
        lent = self.folder / "lent"
        with translate_disk_errors(SHOWN):
            lent.unlink(missing_ok=True)  # of a server that was killed
            try:
                os.link(self.data_file, lent)
            except OSError as error:
                if find_machine_fault(error):
                    raise
                return self.data_file
        return lent


@dataclass(frozen=True)
class PieceWriter:
    """Writes a piece behind what came before; it may not have more bytes than ``left``."""

    stream: BinaryIO
    left: int

    def write(self, data: bytes) -> None:
        """Write the next bytes. Raises UsageError where they are too many; then none of them is written."""
        if self.stream.tell() + len(data) > self.left:
            raise UsageError(f"that is more than the upload has, or than a piece may: {MAX_PIECE_BYTES} bytes")
        with translate_disk_errors(SHOWN):
            self.stream.write(data)
            self.stream.flush()  # what came stays, whatever happens next


@dataclass(frozen=True)
class UploadStore:
    """The uploads of all users that no project has taken yet."""

    storage: Storage
    _busy: set[Path] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, user: str, name: str, size: int) -> UploadView:
        """Begin an upload. Raises UsageError for a name or number that is not taken, ResourceError for no space."""
        entry = UploadEntry(name=safe_file_name(name), size=size)
        if len(self._list_folders(user)) >= MAX_OPEN_UPLOADS:
            raise UsageError(f"{MAX_OPEN_UPLOADS} uploads are open: end or remove some")
        if size > self.storage.measure_left(user):
            raise ResourceError("there is no space for a file of this size: remove some of your films")
        upload = Upload(self.storage.uploads_folder / f"{user}-{secrets.token_hex(8)}")
        try:
            with translate_disk_errors(SHOWN):
                upload.folder.mkdir(mode=0o700)
                upload.data_file.touch()
            with write_file_atomically(upload.folder / "entry.json") as stream:
                stream.write(entry.model_dump_json().encode())
        except ResourceError:
            shutil.rmtree(upload.folder, ignore_errors=True)
            raise
        return upload.make_view()

    def list_views(self, user: str) -> list[UploadView]:
        """List the uploads of a user, in the order of their ids; not those that a project takes meanwhile."""
        views = []
        for folder in self._list_folders(user):
            with suppress(NotFoundError):
                views.append(Upload(folder).make_view())
        return views

    def find(self, user: str, name: str) -> Upload:
        """Return an upload of a user by its id. Raises NotFoundError for any other."""
        folder = self.storage.uploads_folder / f"{user}-{name}"
        if not is_identifier(name) or not folder.is_dir():
            raise NotFoundError(f"there is no upload {name[:40]!r}: it is kept for a day")
        return Upload(folder)

    @contextmanager
    def open_piece(self, upload: Upload, offset: int) -> Iterator[PieceWriter]:
        """Open an upload to write a piece at ``offset``; what is written when the block ends or fails stays.

        Raises OffsetError where the upload does not go on there, or another piece is just being written.
        """
        with self._lock:
            view = upload.make_view()
            if upload.folder in self._busy or offset != view.received:
                raise OffsetError(view)
            self._busy.add(upload.folder)
        try:
            upload.renew()  # it is swept a day after its last piece
            with translate_disk_errors(SHOWN):
                stream = upload.data_file.open("r+b")
            with stream:
                stream.seek(offset)
                yield PieceWriter(stream, min(view.size, offset + MAX_PIECE_BYTES))
        finally:
            with self._lock:
                self._busy.discard(upload.folder)

    @contextmanager
    def take(self, user: str, names: Sequence[str]) -> Iterator[list[tuple[str, Path]]]:
        """Give the file name and path of complete uploads, to be moved away; what is left of them goes at the end.

        They stay where the block fails for another reason than the files or what was asked: a full disk, for one.
        Raises NotFoundError for unknown ones, UsageError for one that is not complete, or named twice, ResourceError
        where the disk refuses; then all stay.
        """
        uploads = [self.find(user, name) for name in names]
        for upload in uploads:
            upload.renew()  # what its project is made of is not swept meanwhile
        views = [upload.make_view() for upload in uploads]
        with self._lock:
            for upload, view in zip(uploads, views, strict=True):
                if view.received < view.size or upload.folder in self._busy:
                    raise UsageError(f"{view.name} is not there yet: {view.received} of {view.size} bytes came")
            if len(set(uploads)) < len(uploads):
                raise UsageError("an upload is named twice")
            self._busy.update(upload.folder for upload in uploads)
        is_over = False
        try:
            yield [(view.name, upload.lend()) for upload, view in zip(uploads, views, strict=True)]
            is_over = True
        except (InputError, UsageError):
            is_over = True
            raise
        finally:
            for upload in uploads:
                if is_over:
                    shutil.rmtree(upload.folder, ignore_errors=True)
            with self._lock:
                self._busy.difference_update(upload.folder for upload in uploads)

    def discard(self, user: str, name: str) -> None:
        """Remove an upload. Raises as `find`, ResourceError where the disk refuses."""
        upload = self.find(user, name)
        with translate_disk_errors(SHOWN), suppress(FileNotFoundError):  # another tab may be removing it
            shutil.rmtree(upload.folder)

    def _list_folders(self, user: str) -> list[Path]:
        return sorted(folder for folder in self.storage.uploads_folder.glob(f"{user}-*") if folder.is_dir())

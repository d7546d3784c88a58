"""Takes in what users send or name, and makes projects of it: uploads, films of the server, the sample, exports."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import assert_never

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.options import SAMPLE_FILM, SAMPLE_REFERENCE
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.web.changes import FilmInFolder, FilmSource, SampleFilm, UploadedFilm
from kinemacolor.web.looker import Looker
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project, create_project_at
from kinemacolor.web.project_import import ImportChecks, adopt_unpacked, unpack_project
from kinemacolor.web.queue import JobQueue
from kinemacolor.web.requests import AnalyzeFilm
from kinemacolor.web.storage import Storage
from kinemacolor.web.uploads import UploadStore, UploadView


@dataclass(frozen=True)
class Intake:
    """Makes projects; ``user`` is the key of the user's folder.

    ``largest_upload``: bytes of one file. ``warm_up`` is called when somebody sends or opens a film.
    """

    storage: Storage
    queue: JobQueue
    looker: Looker
    largest_upload: int
    warm_up: Callable[[], None]

    @cached_property
    def uploads(self) -> UploadStore:
        """Files that come in pieces."""
        return UploadStore(self.storage)

    def begin_upload(self, user: str, name: str, size: int) -> UploadView:
        """Begin an upload in pieces. Raises as `UploadStore.begin`, UsageError for more than the server takes."""
        if size > (most := self.largest_upload):
            raise UsageError(f"{size / 1e9:.1f} GB are too much: this server takes at most {most / 1e9:g} GB")
        self.warm_up()
        return self.uploads.begin(user, name, size)

    def create_uploaded_project(self, user: str, films: Sequence[tuple[str, Path]]) -> Project:
        """Create a project of uploaded files, and queue the analysis of its film. Raises as `create_project`."""
        project = create_project(self.storage.create_project_folder(user), films, self.looker.check_upload)
        return self._queue_analysis(user, project)

    def create_project_of(self, user: str, wanted: FilmSource) -> Project:
        """Create a project of a film in the server's folder, of complete uploads, or of the sample.

        Raises as `create_uploaded_project`, `create_server_project` and `UploadStore.take`.
        """
        match wanted:
            case FilmInFolder(film=film):
                return self.create_server_project(user, film)
            case UploadedFilm(uploads=names):
                with self.uploads.take(user, names) as arrived:
                    return self.create_uploaded_project(user, arrived)
            case SampleFilm():
                return self._create_sample_project(user)
            case _:
                assert_never(wanted)

    def _create_sample_project(self, user: str) -> Project:
        """Create a project of the film that ships with the package, with its reference."""
        with TemporaryDirectory(dir=self.storage.uploads_folder) as folder:
            copies = []
            for name in (SAMPLE_FILM, SAMPLE_REFERENCE):
                with translate_disk_errors(self.storage.uploads_folder):
                    copies.append(Path(shutil.copy(str(files("kinemacolor").joinpath(name)), folder)))
            film, reference = copies
            project = self.create_uploaded_project(user, [(film.name, film)])
            project.add_reference(reference.name, reference, check=self.looker.check_reference)
        return project

    def create_server_project(self, user: str, film: str) -> Project:
        """Create a project of a film in the server's folder, and queue its analysis.

        Raises NotFoundError for a film that does not exist, and as `create_project_at`.
        """
        path = self.storage.resolve_film(film)
        folder = self.storage.create_project_folder(user)
        return self._queue_analysis(user, create_project_at(folder, path, self.looker.check_film))

    def import_project(self, user: str, upload: str) -> Project:
        """Create a project of a complete upload, the zip of an export, and queue the analysis of its film.

        Raises as `UploadStore.take`, `list_entries`, `unpack_project` and `adopt_unpacked`; then nothing is left.
        """
        checks = ImportChecks(self.looker.check_upload, self.looker.check_reference, self.looker.check_project_texts)
        with self.uploads.take(user, [upload]) as ((_, archive),), TemporaryDirectory(dir=archive.parent) as place:
            entries = self.looker.list_archive(archive)
            unpack_project(archive, entries, Path(place), self.storage.measure_left(user))
            folder = self.storage.create_project_folder(user)
            with ExitStack() as failing:
                failing.callback(shutil.rmtree, folder, ignore_errors=True)
                project = adopt_unpacked(Path(place), folder, checks)
                failing.pop_all()
            return self._queue_analysis(user, project)

    def _queue_analysis(self, user: str, project: Project) -> Project:
        """Queue the analysis of a new project's film; a photograph needs none.

        Raises ResourceError where the disk is full or refuses; then the project is removed.
        """
        self.warm_up()
        try:
            if not project.is_photograph:
                self.queue.submit_task(user, project, AnalyzeFilm())
        except ResourceError:
            project.delete_folder()
            raise
        return project

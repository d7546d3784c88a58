"""What was removed: it goes, whatever the disk refuses, and what was restored stays."""

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.web import server, storage
from kinemacolor.web.project import Project
from kinemacolor.web.project_entry import ProjectEntry
from kinemacolor.web.queue import JobQueue
from kinemacolor.web.server_options import ServerOptions
from kinemacolor.web.service import Service
from kinemacolor.web.storage import NotFoundError
from kinemacolor.web.trash import mark_expired, mark_removed
from support.waiting import PATIENCE

ME = "a" * 24
LONG_AGO = (time.time() - 90_000,) * 2


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A server's, whose jobs nobody does, on a disk with room."""
    monkeypatch.setattr(storage, "LEAST_FREE_BYTES", 0)
    made: Service = server.create_app(ServerOptions(tmp_path, passwords={"me": "secret"})).state.service
    yield made
    made.close()


def begin(service: Service) -> Project:
    """A project that was looked at."""
    project = Project(service.storage.create_project_folder(ME))
    project.write_entry(ProjectEntry(title="film", film=Path("film.mp4"), created=0))
    project.survey_folder.mkdir()
    return project


def act_while_jobs_stop(monkeypatch: pytest.MonkeyPatch, act: Callable[[Project], object]) -> None:
    """Have something done while the trash is emptied and waits for the jobs of a film that it deletes."""
    forget = JobQueue.forget_project

    def wait(queue: JobQueue, user: str, project: Project) -> None:
        act(project)
        forget(queue, user, project)

    monkeypatch.setattr(JobQueue, "forget_project", wait)


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_restored_while_another_film_is_deleted_stays(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, restored, again = begin(service), begin(service), begin(service)
    for seconds, project in ((90_000, old), (80_000, restored), (70_000, again)):
        mark_removed(project.folder)
        os.utime(project.folder / "removed.note", (time.time() - seconds,) * 2)

    def restore(deleted: Project) -> None:
        assert deleted.folder == old.folder
        with pytest.raises(NotFoundError):
            service.restore_project(ME, deleted.name)
        for project in (restored, again):
            service.restore_project(ME, project.name)
        mark_removed(again.folder)

    act_while_jobs_stop(monkeypatch, restore)
    service.empty_trash()
    assert [one.name for one in service.list_projects(ME)] == [restored.name]
    assert sorted(one.name for one in old.folder.parent.iterdir()) == sorted((restored.name, again.name))


def test_a_full_disk_is_emptied_though_it_takes_no_mark(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, restored = begin(service), begin(service)
    for project in (gone, restored):
        mark_removed(project.folder)
    monkeypatch.setattr(storage, "LEAST_FREE_BYTES", 2**80)
    monkeypatch.setattr("kinemacolor.web.trash.os.utime", refuse)
    act_while_jobs_stop(monkeypatch, lambda project: project == restored and service.restore_project(ME, restored.name))
    service.empty_trash()
    assert [one.name for one in gone.folder.parent.iterdir()] == [restored.name]
    assert restored.is_readable


def test_removed_for_good_takes_no_bytes(service: Service) -> None:
    project = begin(service)
    for _ in range(2):
        mark_expired(project.folder)
        assert (project.folder / "removed.note").stat().st_size == 0
        with pytest.raises(NotFoundError):
            service.restore_project(ME, project.name)
    service.empty_trash()
    assert not list(project.folder.parent.iterdir())


@pytest.mark.parametrize("error", [UsageError("it does not stop"), PermissionError("no")])
def test_what_cannot_be_deleted_is_told_and_tried_again(
    service: Service, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, gone = begin(service), begin(service)
    for project in (stuck, gone):
        mark_expired(project.folder)

    def fail(project: Project) -> None:
        if project == stuck:
            raise error

    with monkeypatch.context() as patch:
        act_while_jobs_stop(patch, fail)
        service.empty_trash()
    assert [one.name for one in gone.folder.parent.iterdir()] == [stuck.name]
    assert str(error) in caplog.text
    service.empty_trash()
    assert not stuck.folder.exists()


def test_a_disk_that_does_not_tell_has_nothing_deleted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    removed, begun = begin(service), Project(service.storage.create_project_folder(ME))
    mark_removed(removed.folder)
    os.utime(begun.folder, LONG_AGO)

    def fail(path: Path, **_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error", str(path))

    for name, silent in (("stat", "removed.note"), ("lstat", "removed.note"), ("iterdir", begun.name)):
        usual: Any = getattr(Path, name)
        monkeypatch.setattr(
            Path,
            name,
            lambda path, usual=usual, silent=silent, **how: fail(path) if path.name == silent else usual(path, **how),
        )
    monkeypatch.setattr(Path, "is_file", lambda path: os.path.isfile(path))  # says no more of errors, as from 3.14
    service.empty_trash()
    assert removed.folder.is_dir()
    assert begun.folder.is_dir()


def test_a_film_whose_deletion_was_killed_does_not_come_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    project = begin(service)
    mark_expired(project.folder)

    def kill(folder: Path, **_: Any) -> None:
        (folder / "removed.note").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", kill)
        with pytest.raises(KeyboardInterrupt):
            service.empty_trash()
    assert list(project.folder.parent.iterdir())
    assert service.list_projects(ME) == []
    assert not list(service.storage.iter_all_projects())
    service.empty_trash()
    assert not list(project.folder.parent.iterdir())


def test_a_folder_that_became_no_project_goes_after_a_day(service: Service) -> None:
    kept = begin(service)
    fresh, old, damaged = (service.storage.create_project_folder(ME) for _ in range(3))
    (old / "film").mkdir()
    (old / "film" / "film.mp4").write_bytes(b"x" * 100)
    (damaged / "survey").mkdir()  # it was a project, whose notes somebody may bring back
    for folder in (kept.folder, old, damaged):
        os.utime(folder, LONG_AGO)
    service.empty_trash()
    assert sorted(one.name for one in old.parent.iterdir()) == sorted((kept.name, fresh.name, damaged.name))


def test_the_hourly_sweep_goes_on_after_errors(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0)
    calls: list[str] = []

    def fail(name: str, error: Exception) -> Callable[..., None]:
        def call(_: Any) -> None:
            calls.append(name)
            if calls.count(name) == 1:
                raise error

        return call

    monkeypatch.setattr(storage.Storage, "remove_old_uploads", fail("uploads", PermissionError("read-only")))
    monkeypatch.setattr(Service, "empty_trash", fail("trash", ResourceError("full")))

    async def sweep() -> None:
        sweeper = asyncio.create_task(server._sweep_hourly(service))
        async with asyncio.timeout(PATIENCE):
            while len(calls) < 4 and not sweeper.done():
                await asyncio.sleep(0.01)
        sweeper.cancel()

    asyncio.run(sweep())
    assert calls[:4] == ["uploads", "trash"] * 2

"""The queue: order, devices, stopping and going on, whatever happens to workers and servers."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi")
from kinemacolor.errors import Interrupted, ResourceError, UsageError, find_machine_fault
from kinemacolor.web import job as one_job
from kinemacolor.web import worker, worker_processes
from kinemacolor.web.job import JobEntry, JobView
from kinemacolor.web.job_messages import EndMessage, JobOrder, parse_message
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project
from kinemacolor.web.project_entry import ProjectEntry
from kinemacolor.web.project_views import find_poster_source, list_result_views
from kinemacolor.web.queue import MAX_FINISHED_JOBS, JobQueue
from kinemacolor.web.requests import AnalyzeFilm, PreviewClip, RenderFilm
from kinemacolor.web.storage import NotFoundError, Storage
from support.waiting import PATIENCE, until
from support.warm_python import warm_jobs
from support.web_server import film_bytes, picture_bytes

FAKE = """
import json, os, sys, threading
from pathlib import Path

line = b""
while not line.endswith(b"\\n"):
    line += os.read(0, 1) or os._exit(0)
order = json.loads(line)
folder, job, device = Path(order["project"]), order["job"], order["device"]
(folder / "running").write_text(json.dumps([os.getpid(), device]))
def stop():
    while os.read(0, 1): pass
    if not (folder / "stubborn").exists():
        (folder / "stopped").touch()
        os._exit(130)
threading.Thread(target=stop, daemon=True).start()
print("a library that talks", 5, sep="\\n")
print("5\\n[]\\nnull")
print(json.dumps({"step": 5}), json.dumps({"step": "x", "done": "y"}), json.dumps({"result": 7}), "[" * 5000, sep="\\n")
sys.stdout.buffer.write(b"\\xff\\n")
while (folder / "loading").exists(): pass
for done in (2, 3): print(json.dumps({"step": "Colouring", "done": done, "expected": 8}), flush=True)
import time
while (folder / "hold").exists(): time.sleep(0.01)
if (folder / "fail").exists():
    print(json.dumps({"error": str(folder / "film" / "film.mp4") + " is torn", "result": None}), flush=True)
    os._exit(3)
print(json.dumps({"result": "results/film.color.mp4"}), flush=True)
os._exit(0)
"""


@pytest.fixture
def home(tmp_path: Path) -> Storage:
    made = Storage(tmp_path / "home")
    made.create_folders()
    return made


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that do as files in their project's folder say."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    monkeypatch.setattr(worker_processes, "WORKER", (str(script),))


@pytest.fixture
def queue(home: Storage, fake: None) -> Iterator[JobQueue]:
    with JobQueue(home, ["cpu"]) as opened:
        yield opened


def begun(home: Storage, user: str = "me", *orders: str) -> Project:
    """A project without a film, whose fake worker has these orders."""
    folder = home.create_project_folder(user)
    (folder / "results").mkdir()
    (folder / "results" / "film.color.mp4").touch()
    (folder / "results" / "film.color.partial.mp4").touch()
    for order in orders:
        (folder / order).touch()
    entry = ProjectEntry(title="<film> 'ä'.mp4", film=Path("film/film.mp4"), created=time.time())
    (folder / "project.json").write_text(entry.model_dump_json())
    return Project(folder)


def ended(queue: JobQueue, view: JobView, user: str = "me") -> JobView:
    return until(
        lambda: queue.view_job(user, view.id) if state(queue, view, user) not in ("queued", "running") else None
    )


def state(queue: JobQueue, view: JobView, user: str = "me") -> str:
    return queue.view_job(user, view.id).state


def running(project: Project) -> tuple[int, str]:
    """The process and the device of a worker that has begun."""
    path = project.folder / "running"
    number, device = until(lambda: json.loads(path.read_text() or "null") if path.exists() else None)
    return number, device


def go(project: Project) -> None:
    (project.folder / "hold").unlink()


def is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_job_runs_and_tells_how_it_goes(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "me", "hold")
    view = queue.submit_task("me", project, RenderFilm())
    seen = until(lambda: next((one for one in queue.list_views("me") if one.done), None))
    assert (seen.state, seen.step, seen.done, seen.expected) == ("running", "Colouring", 3, 8)
    assert (seen.title, seen.kind, seen.place) == ("<film> 'ä'.mp4", "render", None)
    assert queue.is_rendering(project)
    go(project)
    done = ended(queue, view)
    assert (done.state, done.message, done.step) == ("done", None, None)
    assert not queue.is_rendering(project)
    assert [(link.label, link.url) for link in done.result] == [("film.color.mp4", f"/api/jobs/{view.id}/result")]
    assert queue.find_result("me", view.id) == project.results_folder / "film.color.mp4"


def test_what_is_being_written_is_no_result(home: Storage) -> None:
    project = begun(home)
    whole, being_written = "film.color.mp4", "film.color.partial.mp4"
    os.utime(project.results_folder / whole, (0, 0))
    assert [one.name for one in list_result_views(project, is_rendering=True)] == [whole]
    seen = [(one.name, one.is_partial) for one in list_result_views(project, is_rendering=False)]
    assert seen == [(whole, False), (being_written, True)], "of a film that cannot be read to its end"
    assert find_poster_source(project).name == whole
    (project.results_folder / whole).unlink()
    assert find_poster_source(project) == project.film


def test_films_wait_for_each_other_and_small_things_do_not(home: Storage, queue: JobQueue) -> None:
    first, second, third = (begun(home, user, "hold") for user in ("a", "b", "a"))
    views = [queue.submit_task(one.folder.parent.name, one, RenderFilm()) for one in (first, second, third)]
    running(first)
    assert [queue.view_job(user, view.id).place for user, view in zip("aba", views, strict=True)] == [None, 1, 2]
    assert (queue.count_others("a"), queue.count_others("b"), queue.count_others("c")) == (1, 2, 3)
    small = begun(home, "b")
    assert ended(queue, queue.submit_task("b", small, AnalyzeFilm()), "b").state == "done"
    assert not (second.folder / "running").exists()
    go(first)
    running(second)
    assert not (third.folder / "running").exists()
    assert state(queue, views[0], "a") == "done"
    go(second)
    go(third)
    assert ended(queue, views[2], "a").state == "done"


def test_two_devices_paint_two_films(home: Storage, fake: None) -> None:
    projects = [begun(home, "me", "hold") for _ in range(3)]
    with JobQueue(home, ["cuda:0", "cuda:1"]) as queue:
        views = [queue.submit_task("me", one, RenderFilm()) for one in projects]
        assert {running(one)[1] for one in projects[:2]} == {"cuda:0", "cuda:1"}
        assert state(queue, views[2]) == "queued"
        for one in projects:
            go(one)
        assert all(ended(queue, view).state == "done" for view in views)


def test_a_photograph_is_no_film_to_wait_for(home: Storage, queue: JobQueue, tmp_path: Path) -> None:
    film = begun(home, "me", "hold")
    queue.submit_task("me", film, RenderFilm())
    running(film)
    (tmp_path / "old.png").write_bytes(picture_bytes())
    photograph = create_project(home.create_project_folder("me"), [("old.png", tmp_path / "old.png")])
    assert ended(queue, queue.submit_task("me", photograph, RenderFilm())).state == "done"


def test_what_waits_is_not_asked_for_twice(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "me", "hold")
    view = queue.submit_task("me", project, RenderFilm())
    running(project)
    after = queue.submit_task("me", project, RenderFilm())
    assert after.id != view.id, "what runs may not know of the last change"
    assert queue.submit_task("me", project, RenderFilm()).id == after.id
    other = queue.submit_task("me", project, RenderFilm(layer=True))
    assert len({view.id, after.id, other.id}) == 3
    go(project)
    assert [ended(queue, one).state for one in (view, after, other)] == ["done"] * 3


def test_nobody_fills_the_queue(home: Storage, queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinemacolor.web.queue.MAX_WAITING_JOBS", 2)
    projects = [begun(home, "me", "hold") for _ in range(4)]
    first, *_ = (queue.submit_task("me", project, RenderFilm()) for project in projects[:1])
    running(projects[0])
    for project in projects[1:3]:
        queue.submit_task("me", project, RenderFilm())
    with pytest.raises(UsageError, match="wait already"):
        queue.submit_task("me", projects[3], RenderFilm())
    queue.submit_task("you", begun(home, "you"), RenderFilm())
    for project in projects:
        go(project)
    assert ended(queue, first).state == "done"


def test_a_job_that_waits_is_stopped_at_once(home: Storage, queue: JobQueue) -> None:
    first, second = begun(home, "me", "hold"), begun(home)
    queue.submit_task("me", first, RenderFilm())
    view = queue.submit_task("me", second, RenderFilm())
    stopped = queue.stop_job("me", view.id)
    assert (stopped.state, stopped.place) == ("stopped", None)
    go(first)
    again = queue.resume_job("me", view.id)
    assert again.id == view.id
    assert ended(queue, again).state == "done"


def test_a_job_that_runs_stops_and_goes_on(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "me", "hold")
    view = queue.submit_task("me", project, RenderFilm())
    number, _ = running(project)
    until(lambda: queue.view_job("me", view.id).done == 3)
    assert queue.resume_job("me", view.id).state == "running"
    queue.stop_job("me", view.id)
    queue.stop_job("me", view.id)
    stopped = ended(queue, view)
    assert (stopped.state, stopped.message) == ("stopped", "stopped; what was done is kept")
    assert (project.folder / "stopped").exists()
    assert not is_alive(number)
    go(project)
    assert ended(queue, queue.resume_job("me", view.id)).state == "done"
    assert queue.resume_job("me", view.id).state == "done"
    assert len(queue.list_views("me")) == 1


def test_what_has_done_nothing_yet_is_stopped_at_once(home: Storage, queue: JobQueue) -> None:
    """Imports and models that are loaded do not listen; and what an earlier run has done is still told."""
    project = begun(home, "me", "loading", "stubborn", "hold")
    view = queue.submit_task("me", project, RenderFilm())
    number, _ = running(project)
    queue.stop_job("me", view.id)
    stopped = ended(queue, view)
    assert (stopped.state, stopped.message, stopped.done) == ("stopped", "stopped", 0)
    assert not is_alive(number)
    for order in ("loading", "stubborn", "running"):
        (project.folder / order).unlink()
    queue.resume_job("me", view.id)
    until(lambda: queue.view_job("me", view.id).done == 3)
    queue.stop_job("me", view.id)
    assert ended(queue, view).done == 3
    for order in ("loading", "stubborn"):
        (project.folder / order).touch()
    (project.folder / "running").unlink()
    queue.resume_job("me", view.id)
    running(project)
    assert queue.view_job("me", view.id).step is None, "an earlier run may have been further"
    queue.stop_job("me", view.id)
    stopped = ended(queue, view)
    assert (stopped.step, stopped.done, stopped.message) == ("Colouring", 3, "stopped; what was done is kept")


def test_going_on_waits_its_turn_and_loses_nothing(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "me", "fail")
    view = queue.submit_task("me", project, RenderFilm())
    assert ended(queue, view).state == "failed"
    (project.folder / "hold").touch()
    for file in ("fail", "running"):
        (project.folder / file).unlink()
    queue.submit_task("me", project, RenderFilm())
    running(project)
    again = queue.resume_job("me", view.id)
    assert (again.id, again.state) == (view.id, "queued")
    go(project)
    assert ended(queue, again).state == "done"


def test_a_failure_is_told_in_the_workers_words_without_places(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "ab", "fail")
    view = queue.submit_task("ab", project, RenderFilm())
    assert ended(queue, view, "ab").message == "film.mp4 is torn"
    kept = JobEntry.model_validate_json((project.folder / "jobs" / f"{view.id}.json").read_text())
    assert (kept.state, kept.exit_code) == ("failed", 3)
    with pytest.raises(NotFoundError):
        queue.find_result("ab", view.id)


def test_a_worker_that_is_killed_fails_and_can_go_on(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "me", "hold")
    view = queue.submit_task("me", project, RenderFilm())
    os.kill(running(project)[0], signal.SIGKILL)
    assert "without a word" in str(ended(queue, view).message)
    assert state(queue, view) == "failed"
    go(project)
    assert ended(queue, queue.resume_job("me", view.id)).state == "done"


def test_a_worker_that_does_not_stop_is_killed(home: Storage, queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_job, "STOP_SECONDS", 0.2)
    project = begun(home, "me", "hold", "stubborn")
    view = queue.submit_task("me", project, RenderFilm())
    number, _ = running(project)
    until(lambda: queue.view_job("me", view.id).done == 3)
    queue.stop_job("me", view.id)
    assert ended(queue, view).state == "stopped"
    assert not is_alive(number)


def test_a_process_that_cannot_be_started_is_told(
    home: Storage, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/none")
        failed = ended(queue, queue.submit_task("me", begun(home), RenderFilm()))
    assert (failed.state, "No such file" in str(failed.message)) == ("failed", True)
    assert ended(queue, queue.submit_task("me", begun(home), RenderFilm())).state == "done"


def test_a_server_that_leaves_suspends_and_the_next_goes_on(home: Storage, fake: None) -> None:
    first, second = begun(home, "me", "hold"), begun(home, "me", "hold")
    queue = JobQueue(home, ["cpu"])
    with queue:
        views = [queue.submit_task("me", one, RenderFilm()) for one in (first, second)]
        number, _ = running(first)
    assert not is_alive(number)
    assert not (second.folder / "running").exists()
    for one in (first, second):
        go(one)
    (first.folder / "running").unlink()
    for following in (queue, JobQueue(home, ["cpu"])):
        with following:
            assert [ended(following, view).state for view in views] == ["done", "done"]
            assert [one.id for one in following.list_views("me")] == [view.id for view in views]


def test_jobs_of_a_server_that_was_killed_go_on(home: Storage, fake: None) -> None:
    project = begun(home)
    (project.folder / "jobs").mkdir()
    entry = JobEntry(id="ab", project=project.name, task=RenderFilm(), state="running", created=1)
    (project.folder / "jobs" / "ab.json").write_text(entry.model_dump_json())
    with JobQueue(home, ["cpu"]) as queue:
        (view,) = queue.list_views("me")
        assert ended(queue, view).state == "done"


@pytest.mark.filterwarnings("ignore:a job of the project")
def test_what_cannot_be_read_does_not_hinder_a_server(home: Storage, fake: None) -> None:
    torn, gone, odd = begun(home), begun(home), begun(home)
    for project, text in ((torn, "{"), (gone, ""), (odd, '{"kind": "of another version"}')):
        (project.folder / "jobs").mkdir()
        entry = JobEntry(id="ab", project=project.name, task=RenderFilm(), created=1)
        (project.folder / "jobs" / "ab.json").write_text(text or entry.model_dump_json())
    (gone.folder / "project.json").unlink()
    with JobQueue(home, ["cpu"]) as queue:
        assert queue.list_views("me") == []
        assert ended(queue, queue.submit_task("me", begun(home), RenderFilm())).state == "done"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../../other"},
        {"project": "0" * 16},
        {"result": "../../../secret"},
        {"result": "/etc/passwd"},
        {"kind": 1},
    ],
)
def test_a_job_file_that_says_what_it_must_not_is_set_aside_with_a_note(
    home: Storage, fake: None, changes: dict[str, Any]
) -> None:
    project = begun(home)
    jobs = project.folder / "jobs"
    jobs.mkdir()
    entry = JobEntry(id="ab", project=project.name, task=RenderFilm(), state="done", created=1)
    kept = json.dumps(json.loads(entry.model_dump_json()) | changes)
    (jobs / "ab.json").write_text(kept)
    told = pytest.warns(UserWarning, match=f"a job of the project {project.name} is left out, see ")
    with told, JobQueue(home, ["cpu"]) as queue:
        assert queue.list_views("me") == []
    assert [file.name for file in jobs.iterdir()] == ["ab.damaged"]
    assert (jobs / "ab.damaged").read_text() == kept


def test_a_result_that_is_a_link_to_elsewhere_is_not_given(home: Storage, queue: JobQueue, tmp_path: Path) -> None:
    project = begun(home)
    view = ended(queue, queue.submit_task("me", project, RenderFilm()))
    assert queue.find_result("me", view.id).name == "film.color.mp4"
    (tmp_path / "secret").write_text("secret")
    (project.folder / "results" / "film.color.mp4").unlink()
    (project.folder / "results" / "film.color.mp4").symlink_to(tmp_path / "secret")
    with pytest.raises(NotFoundError):
        queue.find_result("me", view.id)


def test_a_job_does_not_look_for_modules_where_the_server_was_started(
    home: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("json", "kinemacolor", "sitecustomize", "torch", "signal"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", os.environ.get("PYTHONPATH", "")]))
    with JobQueue(home, ["cpu"]) as queue:
        view = ended(queue, queue.submit_task("me", begun(home), AnalyzeFilm()))
    assert (view.state, "does not exist" in str(view.message)) == ("failed", True), view.message
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("bad"), OSError(errno.ENOMEM, "no"), MemoryError()])
def test_whatever_ends_a_job_is_told_with_a_code_of_ours(
    home: Storage, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise error

    project = begun(home)
    (project.folder / "jobs").mkdir()
    entry = JobEntry(id="ab", project=project.name, task=RenderFilm(), created=1)
    (project.folder / "jobs" / "ab.json").write_text(entry.model_dump_json())
    monkeypatch.setattr(worker, "run_task", broken)
    monkeypatch.setattr(worker, "_stop_when_input_closes", lambda server: None)
    order = JobOrder(project=str(project.folder), job="ab", device="cpu", log="")
    with restored_signals():
        code = worker.do_job(order, BytesIO())
        told = parse_message(capsys.readouterr().out)
        assert isinstance(told, EndMessage)
        assert (code, "out of memory" in str(told.error)) == ((6, True) if find_machine_fault(error) else (1, False))
        (project.folder / "jobs" / "ab.json").write_text("{")
        assert worker.do_job(order, BytesIO()) == 1
        assert "a mistake of the program" in capsys.readouterr().out


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_closed_input_interrupts_a_job_on_every_system(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows `os.kill` ends a process at once, and nothing would be told."""
    if platform == "win32":
        monkeypatch.setattr(os, "kill", lambda pid, number: os._exit(number))
    monkeypatch.setattr(worker, "sys", SimpleNamespace(platform=platform))
    with restored_signals():
        signal.signal(signal.SIGTERM, worker._raise_interrupted)
        with pytest.raises(Interrupted, match="what was done is kept"):
            worker._stop_when_input_closes(BytesIO(b"ignored"))


@contextmanager
def restored_signals() -> Iterator[None]:
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def test_a_project_that_is_removed_takes_its_jobs_along(home: Storage, queue: JobQueue) -> None:
    project, other = begun(home, "me", "hold"), begun(home, "me", "hold")
    for one in (project, other):
        queue.submit_task("me", one, RenderFilm())
    queue.submit_task("me", project, PreviewClip())
    number, _ = running(project)
    queue.forget_project("me", project)
    assert not is_alive(number)
    project.delete_folder()
    assert not project.folder.exists()
    assert [one.project for one in queue.list_views("me")] == [other.name]
    go(other)
    assert ended(queue, queue.list_views("me")[0]).state == "done"


def test_only_ended_jobs_are_forgotten_and_leave_nothing(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "me", "hold")
    view = queue.submit_task("me", project, RenderFilm())
    running(project)
    with pytest.raises(UsageError, match="stop it first"):
        queue.forget_job("me", view.id)
    go(project)
    ended(queue, view)
    assert list((project.folder / "jobs").iterdir())
    queue.forget_job("me", view.id)
    assert queue.list_views("me") == []
    assert not list((project.folder / "jobs").iterdir())


def test_the_oldest_of_many_ended_jobs_are_forgotten(
    home: Storage, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/none")
    project, other = begun(home), begun(home)
    kept = ended(queue, queue.submit_task("me", other, AnalyzeFilm()))
    views = [ended(queue, queue.submit_task("me", project, AnalyzeFilm())) for _ in range(MAX_FINISHED_JOBS + 3)]
    assert queue.list_views("me", other.name) == [kept]
    assert [one.id for one in queue.list_views("me", project.name)] == [one.id for one in views[2:]]
    assert len(list((project.folder / "jobs").glob("*.json"))) == MAX_FINISHED_JOBS + 1


def test_nobody_has_others_jobs(home: Storage, queue: JobQueue) -> None:
    view = queue.submit_task("me", begun(home), RenderFilm())
    for call in (queue.view_job, queue.stop_job, queue.resume_job, queue.forget_job, queue.find_result):
        with pytest.raises(NotFoundError):
            call("you", view.id)
    assert queue.list_views("you") == []


def test_a_full_disk_does_not_end_a_lane(home: Storage, queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise ResourceError(f"{path} may not be written")

    project = begun(home, "me", "hold", "fail")
    view = queue.submit_task("me", project, RenderFilm())
    running(project)
    with monkeypatch.context() as patch:
        patch.setattr(one_job, "write_file_atomically", full)
        go(project)
        assert ended(queue, view).state == "failed"
        with pytest.raises(ResourceError):
            queue.submit_task("me", begun(home), RenderFilm())
    assert ended(queue, queue.submit_task("me", begun(home), RenderFilm())).state == "done"


def test_ctrl_c_in_the_servers_terminal_does_not_reach_a_worker(home: Storage, queue: JobQueue) -> None:
    project = begun(home, "me", "hold")
    queue.submit_task("me", project, RenderFilm())
    number, _ = running(project)
    assert os.getpgid(number) != os.getpgid(0)


def real(home: Storage, tmp_path: Path) -> Project:
    """A film with a reference."""
    (tmp_path / "upload").write_bytes(film_bytes(tmp_path))
    project = create_project(home.create_project_folder("me"), [("film.mp4", tmp_path / "upload")])
    (tmp_path / "upload.png").write_bytes(picture_bytes())
    project.add_reference("still.png", tmp_path / "upload.png")
    return project


def test_a_film_that_is_stopped_and_goes_on_has_the_same_bytes(home: Storage, tmp_path: Path) -> None:
    whole, stopped = real(home, tmp_path), real(home, tmp_path)
    with warm_jobs(), JobQueue(home, ["cpu", "cpu"]) as queue:
        undisturbed = queue.submit_task("me", whole, RenderFilm())
        view = queue.submit_task("me", stopped, RenderFilm())
        until(lambda: queue.view_job("me", view.id).step == "Colouring")
        queue.stop_job("me", view.id)
        assert ended(queue, view).state == "stopped"
        assert ended(queue, queue.resume_job("me", view.id)).state == "done"
        assert ended(queue, undisturbed).state == "done"
        results = [queue.find_result("me", one.id) for one in (undisturbed, view)]
    assert results[0].read_bytes() == results[1].read_bytes()
    assert results[0] != results[1]


def test_a_real_worker_stops_when_its_server_is_gone(home: Storage, tmp_path: Path) -> None:
    project = real(home, tmp_path)
    entry = JobEntry(id="ab", project=project.name, task=RenderFilm(), created=1)
    (project.folder / "jobs").mkdir()
    (project.folder / "jobs" / "ab.json").write_text(entry.model_dump_json())
    command = [sys.executable, "-m", "kinemacolor.web.worker_process"]
    order = JobOrder(project=str(project.folder), job="ab", device="cpu", log=str(tmp_path / "log"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        process.stdin.write(order.model_dump_json() + "\n")
        process.stdin.close()
        assert process.wait(PATIENCE) == 130
        assert process.stdout
        last: Any = json.loads(process.stdout.read().splitlines()[-1])
    assert last["error"] == "stopped; what was done is kept"


def test_a_stopped_job_tells_what_it_has_done(home: Storage, fake: None) -> None:
    project = begun(home, "me", "hold")
    with JobQueue(home, ["cpu"]) as queue:
        view = queue.submit_task("me", project, RenderFilm())
        until(lambda: queue.view_job("me", view.id).done)
        stopping = queue.stop_job("me", view.id)
        assert (stopping.state, stopping.is_stopping) == ("running", True)
        stopped = ended(queue, view)
    with JobQueue(home, ["cpu"]) as queue:
        again = queue.view_job("me", view.id)
        for one in (stopped, again):
            assert (one.state, one.is_stopping, one.step, one.done, one.expected) == (
                *("stopped", False, "Colouring"),
                *(3, 8),
            )
            assert one.ended
            assert one.created <= one.ended
        resumed = queue.resume_job("me", view.id)
        assert (resumed.done, resumed.expected, resumed.ended) == (3, 8, None)
        go(project)
        assert ended(queue, view).state == "done"


def test_a_server_that_is_killed_has_kept_what_its_jobs_told(
    home: Storage, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_job, "SAVE_SECONDS", 0)
    project = begun(home, "me", "hold")
    view = queue.submit_task("me", project, RenderFilm())
    file = project.folder / "jobs" / f"{view.id}.json"
    kept = until(lambda: (one := JobEntry.model_validate_json(file.read_text())).done and one)
    assert (kept.step, kept.done, kept.expected, kept.state) == ("Colouring", 3, 8, "running")
    go(project)
    assert ended(queue, view).state == "done"


def test_how_fast_a_job_goes_is_measured_from_its_own_beginning(home: Storage, fake: None) -> None:
    entry = JobEntry(id="ab", project="p", task=RenderFilm(), created=1, step="Colouring", done=36, expected=72)
    job = one_job.WebJob(entry.model_copy(update={"state": "running"}), home.root, "film", "me", "render")
    job.saved_at = float("inf")
    job.record_progress("Colouring", 36, 72)
    assert job.make_view(None).rate is None
    assert job.step_started
    job.step_started = job.step_started[0] - 10, 36
    job.record_progress("Colouring", 46, 72)
    seen = job.make_view(None)
    assert seen.rate == pytest.approx(1, rel=0.2)
    assert seen.seconds_left == pytest.approx(26, rel=0.2)


def spare(queue: JobQueue) -> int | None:
    """The number of the process that waits for a job."""
    process = queue._workers._spare
    return process.pid if process and process.poll() is None else None


def test_the_next_job_gets_the_process_that_waits(home: Storage, queue: JobQueue) -> None:
    queue.prepare()
    waiting = spare(queue)
    assert waiting
    queue.prepare()
    assert spare(queue) == waiting
    project = begun(home, "me", "hold")
    view = queue.submit_task("me", project, AnalyzeFilm())
    assert running(project)[0] == waiting
    assert spare(queue) is None, "the job needs the processor"
    go(project)
    assert ended(queue, view).state == "done"
    following = until(lambda: spare(queue))
    assert following != waiting


def test_a_process_that_waits_and_is_killed_is_missed_by_nobody(home: Storage, queue: JobQueue) -> None:
    queue.prepare()
    os.kill(int(spare(queue) or 0), signal.SIGKILL)
    until(lambda: spare(queue) is None)
    assert ended(queue, queue.submit_task("me", begun(home), AnalyzeFilm())).state == "done"


def test_a_process_waits_for_some_time_only(home: Storage, fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with JobQueue(home, ["cpu"]) as queue:
        queue.prepare()
        last = spare(queue)
    assert last
    assert not is_alive(last)
    queue.prepare()
    assert queue._workers._spare is None, "the server has ended"
    monkeypatch.setattr(worker_processes, "SPARE_SECONDS", 0.05)
    with JobQueue(home, ["cpu"]) as queue:
        queue.prepare()
        until(lambda: queue._workers._spare is None)


def test_a_real_process_waits_for_its_order_with_all_imports_done(home: Storage, tmp_path: Path) -> None:
    project = real(home, tmp_path)
    with JobQueue(home, ["cpu"]) as queue:
        queue.prepare()
        until(lambda: "torch" in Path(f"/proc/{spare(queue)}/maps").read_text(), "torch in the process")
        view = queue.submit_task("me", project, AnalyzeFilm())
        assert ended(queue, view).state == "done"
    assert (project.survey_folder / "survey.json").is_file()
    with subprocess.Popen([sys.executable, "-m", "kinemacolor.web.worker_process"], stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.close()
        assert process.wait(PATIENCE) == 0, "a server that ends without an order is no failure"

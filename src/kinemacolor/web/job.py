"""One job: its file, the view that its user gets, and the process that runs it."""

import subprocess
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from kinemacolor.errors import UsageError
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.web.job_messages import JobOrder
from kinemacolor.web.project import Project
from kinemacolor.web.requests import ProjectTask, RenderFilm
from kinemacolor.web.worker_processes import WorkerProcesses

JobState = Literal["queued", "running", "done", "failed", "stopped"]
STOP_SECONDS = 30  # that a process has to stop by itself before it is killed


class JobEntry(BaseModel):
    """A job as it is stored in its file.

    ``message``: what its user must know of how it ended. ``result``: the file that it made, relative to the project.
    """

    model_config = ConfigDict(extra="forbid")
    id: str
    project: str
    task: ProjectTask
    state: JobState = "queued"
    created: float
    ended: float | None = None
    message: str | None = None
    exit_code: int | None = None
    result: str | None = None


class FileLink(BaseModel):
    """A file to download."""

    label: str
    url: str


class JobView(BaseModel):
    """A job as its user sees it.

    ``place``: position in the queue, 1 is next. ``step``: what is done now; ``done`` of ``expected`` of it is finished.
    """

    id: str
    project: str
    title: str
    kind: str
    state: JobState
    place: int | None = None
    step: str | None = None
    done: int = 0
    expected: int | None = None
    seconds_left: float | None = None
    message: str | None = None
    result: list[FileLink] = []


@dataclass(eq=False)
class WebJob:
    """A job in the queue of a running server, which alone changes it, under the queue's lock.

    ``lane``: the part of the queue where it waits, ``render`` or ``quick``. ``requested``: what its process should do.
    ``step_started``: time (monotonic) and ``done`` when the current step began.
    """

    entry: JobEntry
    folder: Path  # of the project
    title: str
    user: str
    lane: str
    process: subprocess.Popen[str] | None = None
    requested: Literal["run", "stop", "suspend"] = "run"
    step: str | None = None
    done: int = 0
    expected: int | None = None
    step_started: tuple[float, int] = field(default_factory=lambda: (time.monotonic(), 0))

    @classmethod
    def from_entry(cls, entry: JobEntry, project: Project, user: str) -> "WebJob":
        """Make a job of a stored entry. Raises UsageError where the project was removed."""
        lane = "render" if isinstance(entry.task, RenderFilm) and not project.is_photograph else "quick"
        return cls(entry, project.folder, project.entry.title, user, lane)

    @property
    def is_active(self) -> bool:
        """Whether the job runs or waits."""
        return self.entry.state in ("queued", "running")

    def make_view(self, place: int | None) -> JobView:
        """Return the job as its user sees it; ``place``: its position in the queue, if it waits."""
        return JobView(
            id=self.entry.id,
            project=self.entry.project,
            title=self.title,
            kind=self.entry.task.kind,
            state=self.entry.state,
            place=place,
            step=self.step,
            done=self.done,
            expected=self.expected,
            seconds_left=self._seconds_left() if self.entry.state == "running" else None,
            message=self.entry.message,
            result=self._result_links(),
        )

    @property
    def log_file(self) -> Path:
        """The file with the error output of the job's process."""
        return self._job_file("log")

    def save(self) -> None:
        """Write the job's file. Raises ResourceError where the disk is full or refuses."""
        with write_file_atomically(self._job_file("json")) as stream:
            stream.write(self.entry.model_dump_json().encode())

    def delete_files(self) -> None:
        """Remove all files of the job; its result stays."""
        for suffix in ("json", "log", "lock", "rendered"):
            self._job_file(suffix).unlink(missing_ok=True)

    def start_process(self, device: str, workers: WorkerProcesses) -> subprocess.Popen[str]:
        """Start the job's process on a device. Raises OSError where no process can be started."""
        order = JobOrder(project=str(self.folder), job=self.entry.id, device=device, log=str(self.log_file))
        self.process = workers.start(order)
        self.entry.state, self.requested = "running", "run"
        return self.process

    def request_end(self, requested: Literal["stop", "suspend"]) -> None:
        """Ask the process to end by closing its input, as also happens when the server is killed.

        A process that does not end within `STOP_SECONDS` is killed.
        """
        self.requested = requested
        if self.process and self.process.stdin:
            self.process.stdin.close()
            threading.Thread(target=_kill_later, args=(self.process,), daemon=True).start()

    def record_progress(self, step: str, done: int, expected: int | None) -> None:
        """Record the progress that the process reported."""
        if step != self.step or done < self.done:
            self.step_started = time.monotonic(), done
        self.step, self.done, self.expected = step, done, expected

    def _job_file(self, suffix: str) -> Path:
        return self.folder / "jobs" / f"{self.entry.id}.{suffix}"

    def _seconds_left(self) -> float | None:
        """Estimate the rest of the current step from its speed until now; None if it is unknown."""
        started, done_before = self.step_started
        done_since = self.done - done_before
        if not self.expected or done_since <= 0:
            return None
        return (self.expected - self.done) * (time.monotonic() - started) / done_since

    def _result_links(self) -> list[FileLink]:
        """Link the rendered film; other tasks make no file to download."""
        if self.entry.result is None or not isinstance(self.entry.task, RenderFilm):
            return []
        return [FileLink(label=Path(self.entry.result).name, url=f"/api/jobs/{self.entry.id}/result")]


def load_job(file: Path, project: Project, user: str) -> WebJob | None:
    """Load a job from its file; None for one that cannot be gone on with.

    A file that is damaged, or that names another job, project or a result elsewhere, is set aside as `*.damaged`.
    """
    try:
        entry = JobEntry.model_validate_json(file.read_text(encoding="utf-8"))
        if (entry.id, entry.project) != (file.stem, project.name):
            raise ValueError("it is the file of another job")
        if not (project.folder / (entry.result or "")).resolve().is_relative_to(project.folder.resolve()):
            raise ValueError("its result lies elsewhere")
    except (OSError, ValueError) as error:
        aside = file.with_suffix(".damaged")
        with suppress(OSError):
            file.replace(aside)
        reason = str(error).splitlines()[0]
        warnings.warn(f"a job of the project {project.name} is left out, see {aside} ({reason})", stacklevel=2)
        return None
    try:
        return WebJob.from_entry(entry, project, user)
    except UsageError:
        return None  # of a project that is half removed


def _kill_later(process: subprocess.Popen[str]) -> None:
    """Wait for a process to end by itself, then kill it."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()

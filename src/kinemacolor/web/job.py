"""One job: its file, the view that its user gets, and the process that runs it."""

import subprocess
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.web.job_messages import JobOrder
from kinemacolor.web.project import Project
from kinemacolor.web.requests import ProjectTask, RenderFilm
from kinemacolor.web.worker_processes import WorkerProcesses

JobState = Literal["queued", "running", "done", "failed", "stopped"]
STOP_SECONDS = 30  # that a process has to stop by itself before it is killed
SAVE_SECONDS = 5.0  # between two times that progress is stored


class JobEntry(BaseModel):
    """A job as it is stored in its file.

    ``message``: what its user must know of how it ended. ``result``: the file that it made, relative to the project.
    ``step``: what was done last; ``done`` of ``expected`` of it is finished, None: it is not known how much there is.
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
    step: str | None = None
    done: int = 0
    expected: int | None = None


class FileLink(BaseModel):
    """A file to download."""

    label: str
    url: str


class JobView(BaseModel):
    """A job as its user sees it.

    ``place``: position in the queue, 1 is next. ``is_stopping``: it was asked to stop, and does soon. ``step``: what is
    done now, or was when it stopped; ``done`` of ``expected`` of it is finished, ``rate`` of it a second. ``created``,
    ``ended``: seconds since 1970.
    """

    id: str
    project: str
    title: str
    kind: str
    state: JobState
    place: int | None = None
    is_stopping: bool = False
    created: float
    ended: float | None = None
    step: str | None = None
    done: int = 0
    expected: int | None = None
    rate: float | None = None
    seconds_left: float | None = None
    message: str | None = None
    result: list[FileLink] = []


@dataclass(eq=False)
class WebJob:
    """A job in the queue of a running server, which alone changes it, under the queue's lock.

    ``lane``: the part of the queue where it waits, ``render`` or ``quick``. ``requested``: what its process should do.
    ``step_started``: time (monotonic) and ``done`` when the process told of the current step first. ``is_first_step``:
    it has told of no other. ``told_before``: step, done and expected of the run before.
    """

    entry: JobEntry
    folder: Path  # of the project
    title: str
    user: str
    lane: str
    process: subprocess.Popen[str] | None = None
    requested: Literal["run", "stop", "suspend"] = "run"
    step_started: tuple[float, int] | None = None
    is_first_step: bool = True
    told_before: tuple[str | None, int, int | None] = (None, 0, None)
    saved_at: float = 0.0

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
        rate = self._measure_rate() if self.entry.state == "running" else None
        return JobView(
            id=self.entry.id,
            project=self.entry.project,
            title=self.title,
            kind=self.entry.task.kind,
            state=self.entry.state,
            place=place,
            is_stopping=self.entry.state == "running" and self.requested == "stop",
            created=self.entry.created,
            ended=self.entry.ended,
            step=self.entry.step,
            done=self.entry.done,
            expected=self.entry.expected,
            rate=rate and round(rate, 3),
            seconds_left=(self.entry.expected - self.entry.done) / rate if rate and self.entry.expected else None,
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
        entry = self.entry
        self.told_before = entry.step, entry.done, entry.expected
        entry.step, entry.done, entry.expected = None, 0, None  # an earlier run may have been at a later step
        entry.state, self.requested, self.step_started, self.is_first_step = "running", "run", None, True
        return self.process

    def request_end(self, requested: Literal["stop", "suspend"]) -> None:
        """Ask the process to end by closing its input, as also happens when the server is killed.

        A process that does not end within `STOP_SECONDS` is killed, and one that has done nothing yet at once: imports
        and models that are loaded do not listen.
        """
        self.requested = requested
        if self.process and self.process.stdin:
            if self.is_first_step and self.entry.done == (self.step_started or (0, 0))[1]:
                self.process.kill()
            self.process.stdin.close()
            threading.Thread(target=_kill_later, args=(self.process,), daemon=True).start()

    def record_progress(self, step: str, done: int, expected: int | None) -> None:
        """Record the progress that the process reported; it is stored now and then, for when the server is killed."""
        entry, now = self.entry, time.monotonic()
        if self.step_started is None or step != entry.step or done < entry.done:
            self.is_first_step = self.step_started is None or (self.is_first_step and step == entry.step)
            self.step_started = now, done
        entry.step, entry.done, entry.expected = step, done, expected
        if now - self.saved_at > SAVE_SECONDS:
            self.saved_at = now
            with suppress(ResourceError):  # on a full disk the job itself will say so
                self.save()

    def forget_empty_run(self) -> None:
        """Tell of the run before again, where the process has ended without a word."""
        if self.step_started is None:
            self.entry.step, self.entry.done, self.entry.expected = self.told_before

    def _job_file(self, suffix: str) -> Path:
        return self.folder / "jobs" / f"{self.entry.id}.{suffix}"

    def _measure_rate(self) -> float | None:
        """Measure how much of the current step is done in a second; None if nothing was yet."""
        if self.step_started is None:
            return None
        started, done_before = self.step_started
        done_since, seconds = self.entry.done - done_before, time.monotonic() - started
        return done_since / seconds if done_since > 0 < seconds else None

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

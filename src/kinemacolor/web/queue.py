"""Jobs: kept on disk, run one after the other in processes of their own, seen by who asked for them."""

import json
import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kinemacolor.errors import Interrupted, ResourceError, UsageError
from kinemacolor.web.job import STOP_SECONDS, Job, JobEntry, JobView, State
from kinemacolor.web.project import Project
from kinemacolor.web.requests import Task
from kinemacolor.web.storage import Home, Missing

KEPT_FINISHED = 20  # of a project
MOST_WAITING = 100  # of a user


class Queue:
    """One job at a time on each of ``devices`` that paints a whole film, and one that does not.

    Jobs that a server left unfinished go on when the next one begins. Use it as a context manager: leaving it
    suspends what runs.
    """

    def __init__(self, home: Home, devices: Sequence[str] = ("auto",)) -> None:
        self._home, self._devices = home, tuple(devices)
        self._jobs: list[Job] = []
        self._changed = threading.Condition()
        self._closing = False
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Queue":
        self._closing = False
        self._jobs = sorted(self._unfinished(), key=lambda job: job.entry.created)
        lanes = [("render", device) for device in self._devices] + [("quick", self._devices[0])]
        self._threads = [threading.Thread(target=self._serve, args=lane, daemon=True) for lane in lanes]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._closing = True
            for job in self._jobs:
                if job.process:
                    job.end("suspend")
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(STOP_SECONDS + 1)

    def submit(self, user: str, project: Project, task: Task) -> JobView:
        """Ask for a task; what waits already is not asked for twice. Raises UsageError where too much waits."""
        entry = JobEntry(id=secrets.token_hex(8), project=project.name, task=task, created=time.time())
        job = Job.of(entry, project, user)
        with self._changed:
            put = self._put(job)
            self._forget_old(project.folder)
            return self._view(put)

    def stop(self, user: str, job_id: str) -> JobView:
        """Take a job out of the queue, or stop it; what was done is kept. Raises Missing for a job of nobody's."""
        with self._changed:
            job = self._find(user, job_id)
            if job.entry.state == "queued":
                self._finish(job, "stopped", "stopped before it began", Interrupted.exit_code)
            elif job.entry.state == "running":
                job.end("stop")
            return self._view(job)

    def resume(self, user: str, job_id: str) -> JobView:
        """Go on with a job that was stopped or failed, at the end of the queue. Raises UsageError as `submit`."""
        with self._changed:
            job = self._find(user, job_id)
            if not job.is_active and job.entry.state != "done":
                old = job.entry
                fresh = JobEntry(id=old.id, project=old.project, task=old.task, created=time.time())
                again = self._put(replace(job, entry=fresh, done=0, expected=None))
                if again.entry.id == old.id:
                    self._jobs.remove(job)
                else:
                    self._drop(job)  # the same waits already
                job = again
            return self._view(job)

    def forget(self, user: str, job_id: str) -> None:
        """Take a job that does not run off the list. Raises UsageError for one that does."""
        with self._changed:
            job = self._find(user, job_id)
            if job.entry.state == "running":
                raise UsageError("this job runs: stop it first")
            self._drop(job)

    def forget_project(self, user: str, project: Project) -> None:
        """Stop and forget all jobs of a project; waits until none of them writes any more."""
        with self._changed:
            own = [job for job in self._jobs if job.user == user and job.folder == project.folder]
            for job in own:
                if job.process:
                    job.end("stop")
                elif job.entry.state == "queued":
                    self._finish(job, "stopped", "the film was removed", Interrupted.exit_code)
            if not self._changed.wait_for(lambda: not any(job.is_active for job in own), STOP_SECONDS):
                raise UsageError("a job of this film does not stop: try again in a moment")
            for job in own:
                self._drop(job)

    def views(self, user: str, project: str | None = None) -> list[JobView]:
        """The jobs of a user, or of one project, in the order they were asked for."""
        with self._changed:
            mine = [job for job in self._jobs if job.user == user and project in (None, job.entry.project)]
            return [self._view(job) for job in mine]

    def view(self, user: str, job_id: str) -> JobView:
        """One of them. Raises Missing for a job that this user does not have."""
        with self._changed:
            return self._view(self._find(user, job_id))

    def ahead(self, user: str) -> int:
        """How many jobs of other users run or wait."""
        with self._changed:
            return sum(job.is_active and job.user != user for job in self._jobs)

    def result(self, user: str, job_id: str) -> Path:
        """The file that a job made. Raises Missing where there is none."""
        with self._changed:
            job = self._find(user, job_id)
            path = job.folder / (job.entry.result or "")
        if not job.entry.result or not path.exists():
            raise Missing("this job has no result to give")
        return path

    def _put(self, job: Job) -> Job:
        """At the end of the queue, or the same one that waits there. Raises UsageError where too much waits."""
        waiting = [other for other in self._jobs if other.user == job.user and other.entry.state == "queued"]
        for other in waiting:
            if other.folder == job.folder and other.entry.task == job.entry.task:
                return other
        if len(waiting) >= MOST_WAITING:
            raise UsageError(f"{MOST_WAITING} of your jobs wait already: wait for one, or stop it")
        job.keep()
        self._jobs.append(job)
        self._changed.notify_all()
        return job

    def _serve(self, lane: str, device: str) -> None:
        """Run jobs of a lane until the server closes."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._next(lane) is not None)
                job = self._next(lane)
                if self._closing or job is None:
                    return
                try:
                    process = job.start(device)
                except OSError as error:
                    self._finish(job, "failed", f"no process could be started ({error.strerror})", 6)
                    continue
                self._changed.notify_all()
            with process:
                self._watch(job, process)

    def _watch(self, job: Job, process: subprocess.Popen[str]) -> None:
        """Follow a running job to its end."""
        last: dict[str, object] = {}
        assert process.stdout
        for line in process.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if not isinstance(told, dict):
                continue
            with self._changed:
                if "step" in told:
                    job.advance(str(told["step"]), int(told["done"]), told["expected"])
                else:
                    last = told
        code = process.wait()
        with self._changed:
            job.process = None
            if code == 0:
                job.entry.result = _text(last.get("result"))
                self._finish(job, "done", None, 0)
            elif job.wanted == "suspend":
                job.entry.state = "queued"
                self._changed.notify_all()
            elif job.wanted == "stop":
                self._finish(job, "stopped", "stopped; what was done is kept", Interrupted.exit_code)
            else:
                failure = _text(last.get("error")) or f"it ended without a word (code {code}): see {job.log}"
                job.entry.result = _text(last.get("result"))
                self._finish(job, "failed", self._home.without_places(failure), code)

    def _finish(self, job: Job, state: State, message: str | None, code: int) -> None:
        job.entry = job.entry.model_copy(
            update={"state": state, "message": message, "exit_code": code, "ended": time.time()}
        )
        job.step = None
        with suppress(ResourceError):  # on a full disk it is in the queue again when the next server begins
            if job.folder.is_dir():
                job.keep()
        self._changed.notify_all()

    def _next(self, lane: str) -> Job | None:
        """The first that waits and whose film no other job of the lane is at."""
        own = [job for job in self._jobs if job.lane == lane]
        busy = {job.folder for job in own if job.entry.state == "running"}
        return next((job for job in own if job.entry.state == "queued" and job.folder not in busy), None)

    def _find(self, user: str, job_id: str) -> Job:
        for job in self._jobs:
            if job.user == user and job.entry.id == job_id:
                return job
        raise Missing(f"there is no job {job_id[:40]!r}: look at the list of yours")

    def _drop(self, job: Job) -> None:
        self._jobs.remove(job)
        job.drop()
        self._changed.notify_all()

    def _forget_old(self, folder: Path) -> None:
        ended = [job for job in self._jobs if job.folder == folder and not job.is_active]
        for job in ended[: max(0, len(ended) - KEPT_FINISHED)]:
            self._drop(job)

    def _view(self, job: Job) -> JobView:
        waiting = [other for other in self._jobs if other.lane == job.lane and other.entry.state == "queued"]
        return job.view(waiting.index(job) + 1 if job in waiting else None)

    def _unfinished(self) -> list[Job]:
        """All jobs on disk; those that a server was stopped at are in the queue again."""
        found = []
        for user, folder in self._home.everybody():
            for file in (folder / "jobs").glob("*.json"):
                try:
                    entry = JobEntry.model_validate_json(file.read_text(encoding="utf-8"))
                    found.append(Job.of(entry, Project(folder), user))
                except (OSError, ValueError, UsageError):
                    continue  # of another version, or of a project half removed: nobody can go on with it
                if entry.state == "running":
                    entry.state = "queued"
        return found


def _text(value: object) -> str | None:
    return str(value) if value else None

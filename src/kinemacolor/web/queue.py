"""Queues jobs: stored on disk, run one after the other in processes of their own, visible to their user only."""

import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kinemacolor.errors import Interrupted, ResourceError, UsageError
from kinemacolor.web.job import STOP_SECONDS, JobEntry, JobState, JobView, WebJob, load_job
from kinemacolor.web.job_messages import EndMessage, ProgressMessage, parse_message
from kinemacolor.web.project import Project
from kinemacolor.web.requests import ProjectTask, RenderFilm
from kinemacolor.web.storage import NotFoundError, Storage, is_kept_file
from kinemacolor.web.trash import is_removed
from kinemacolor.web.worker_processes import WorkerProcesses

MAX_FINISHED_JOBS = 20  # on the list, for each project
MAX_WAITING_JOBS = 100  # for each user


class JobQueue:
    """Runs one render of a whole film at a time on each of ``devices``, and one quick job beside them.

    Use it as a context manager: entering it resumes the jobs that an earlier server left unfinished, leaving it
    suspends the running ones.
    """

    def __init__(self, storage: Storage, devices: Sequence[str] = ("auto",)) -> None:
        self._storage, self._devices = storage, tuple(devices)
        self._jobs: list[WebJob] = []
        self._changed = threading.Condition()
        self._is_closing = False
        self._workers = WorkerProcesses()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "JobQueue":
        self._is_closing = False
        self._workers.open()
        self._jobs = sorted(self._load_unfinished_jobs(), key=lambda job: job.entry.created)
        lanes = [("render", device) for device in self._devices] + [("quick", self._devices[0])]
        self._threads = [threading.Thread(target=self._run_lane, args=lane, daemon=True) for lane in lanes]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._is_closing = True
            for job in self._jobs:
                if job.process:
                    job.request_end("suspend")
            self._changed.notify_all()
        self._workers.close()
        for thread in self._threads:
            thread.join(STOP_SECONDS + 1)

    def prepare(self) -> None:
        """Have a process ready for the next job; returns at once. It ends where nobody has a job for a while."""
        self._workers.prepare()

    def submit_task(self, user: str, project: Project, task: ProjectTask) -> JobView:
        """Queue a task; the same task that already waits is not queued twice.

        Raises UsageError where `MAX_WAITING_JOBS` jobs of the user wait already.
        """
        entry = JobEntry(id=secrets.token_hex(8), project=project.name, task=task, created=time.time())
        job = WebJob.from_entry(entry, project, user)
        with self._changed:
            queued = self._enqueue_job(job)
            self._drop_old_jobs(project.folder)
            return self._make_view(queued)

    def stop_job(self, user: str, job_id: str) -> JobView:
        """Take a waiting job out of the queue, or stop a running one, which can be resumed.

        Raises NotFoundError for a job that this user does not have.
        """
        with self._changed:
            job = self._find_job(user, job_id)
            if job.entry.state == "queued":
                self._finish_job(job, "stopped", "stopped before it began", Interrupted.exit_code)
            elif job.entry.state == "running":
                job.request_end("stop")
            return self._make_view(job)

    def resume_job(self, user: str, job_id: str) -> JobView:
        """Queue a stopped or failed job again, to continue its work. Raises as `submit_task` and `stop_job`."""
        with self._changed:
            job = self._find_job(user, job_id)
            if not job.is_active and job.entry.state != "done":
                anew = {"state": "queued", "created": time.time(), "ended": None, "exit_code": None}
                fresh = job.entry.model_copy(update=anew | {"message": None, "result": None})
                again = self._enqueue_job(replace(job, entry=fresh, requested="run"))
                if again.entry.id == fresh.id:
                    self._jobs.remove(job)
                else:
                    self._drop_job(job)  # the same task waits already
                job = again
            return self._make_view(job)

    def forget_job(self, user: str, job_id: str) -> None:
        """Remove a job from the list. Raises UsageError for one that runs, NotFoundError for an unknown one."""
        with self._changed:
            job = self._find_job(user, job_id)
            if job.entry.state == "running":
                raise UsageError("this job runs: stop it first")
            self._drop_job(job)

    def stop_project(self, user: str, project: Project) -> None:
        """Ask all jobs of a project to stop; returns at once."""
        with self._changed:
            for job in self._list_jobs_of(user, project):
                if job.process:
                    job.request_end("stop")
                elif job.entry.state == "queued":
                    self._finish_job(job, "stopped", "the film was removed", Interrupted.exit_code)

    def forget_project(self, user: str, project: Project) -> None:
        """Stop and remove all jobs of a project; waits until none of them writes any more.

        Raises UsageError where a job does not stop in time.
        """
        with self._changed:
            self.stop_project(user, project)
            own = self._list_jobs_of(user, project)
            if not self._changed.wait_for(lambda: not any(job.is_active for job in own), STOP_SECONDS):
                raise UsageError("a job of this film does not stop: try again in a moment")
            for job in own:
                self._drop_job(job)

    def list_views(self, user: str, project: str | None = None) -> list[JobView]:
        """List a user's jobs, of all projects or of one, in the order in which they were queued."""
        with self._changed:
            mine = [job for job in self._jobs if job.user == user and project in (None, job.entry.project)]
            return [self._make_view(job) for job in mine if not is_removed(job.folder)]

    def view_job(self, user: str, job_id: str) -> JobView:
        """Return one job. Raises NotFoundError for a job that this user does not have."""
        with self._changed:
            return self._make_view(self._find_job(user, job_id))

    def is_working_on(self, project: Project) -> bool:
        """Whether a job of a project runs or waits."""
        with self._changed:
            return any(job.is_active and job.folder == project.folder for job in self._jobs)

    def is_rendering(self, project: Project) -> bool:
        """Whether a render of a project runs or waits."""
        with self._changed:
            renders = [job for job in self._jobs if isinstance(job.entry.task, RenderFilm)]
            return any(job.is_active and job.folder == project.folder for job in renders)

    def count_others(self, user: str) -> int:
        """Count the jobs of other users that run or wait."""
        with self._changed:
            return sum(job.is_active and job.user != user for job in self._jobs)

    def find_result(self, user: str, job_id: str) -> Path:
        """Return the path of the file that a job made. Raises NotFoundError where there is none."""
        with self._changed:
            job = self._find_job(user, job_id)
            path = job.folder / (job.entry.result or "")
        if not job.entry.result or not is_kept_file(job.folder, path):
            raise NotFoundError("this job has no result to give")
        return path

    def _enqueue_job(self, job: WebJob) -> WebJob:
        """Append a job to the queue, and return it, or the job with the same task that waits there already."""
        waiting = [other for other in self._jobs if other.user == job.user and other.entry.state == "queued"]
        for other in waiting:
            if other.folder == job.folder and other.entry.task == job.entry.task:
                return other
        if len(waiting) >= MAX_WAITING_JOBS:
            raise UsageError(f"{MAX_WAITING_JOBS} of your jobs wait already: wait for one, or stop it")
        job.save()
        self._jobs.append(job)
        self._changed.notify_all()
        return job

    def _run_lane(self, lane: str, device: str) -> None:
        """Run the jobs of a lane, one after the other, until the queue closes."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing or self._next_job(lane) is not None)
                job = self._next_job(lane)
                if self._is_closing or job is None:
                    return
                try:
                    process = job.start_process(device, self._workers)
                except OSError as error:
                    self._finish_job(job, "failed", f"no process could be started ({error.strerror})", 6)
                    continue
                self._changed.notify_all()
            with process:
                self._follow_process(job, process)
            self._workers.prepare()

    def _follow_process(self, job: WebJob, process: subprocess.Popen[str]) -> None:
        """Record the messages of a job's process, JSON lines, until it ends, and then how it ended."""
        last_message = EndMessage()
        assert process.stdout
        for line in process.stdout:
            message = parse_message(line)
            with self._changed:
                if isinstance(message, ProgressMessage):
                    job.record_progress(message.step, message.done, message.expected)
                elif message:
                    last_message = message
        code = process.wait()
        with self._changed:
            job.process = None
            job.forget_empty_run()
            if code == 0:
                job.entry.result = last_message.result
                self._finish_job(job, "done", None, 0)
            elif job.requested == "suspend":
                job.entry.state = "queued"
                with suppress(ResourceError):
                    job.save()
                self._changed.notify_all()
            elif job.requested == "stop":
                words = "stopped; what was done is kept" if job.entry.done else "stopped"
                self._finish_job(job, "stopped", words, Interrupted.exit_code)
            else:
                job.entry.result = last_message.result
                failure = last_message.error or _describe_silent_end(code, job.log_file)
                exit_code = code if code > 0 else ResourceError.exit_code
                self._finish_job(job, "failed", self._storage.hide_server_paths(failure), exit_code)

    def _finish_job(self, job: WebJob, state: JobState, message: str | None, code: int) -> None:
        """Store how a job ended; ``code``: the exit code."""
        job.entry = job.entry.model_copy(
            update={"state": state, "message": message, "exit_code": code, "ended": time.time()}
        )
        if state == "done":
            job.entry.step = None
        with suppress(ResourceError):  # on a full disk the next server will find the job still queued
            if job.folder.is_dir():
                job.save()
        self._changed.notify_all()

    def _next_job(self, lane: str) -> WebJob | None:
        """Return the first waiting job of a lane whose film no running job of that lane works on."""
        own = [job for job in self._jobs if job.lane == lane]
        busy = {job.folder for job in own if job.entry.state == "running"}
        return next((job for job in own if job.entry.state == "queued" and job.folder not in busy), None)

    def _find_job(self, user: str, job_id: str) -> WebJob:
        for job in self._jobs:
            if job.user == user and job.entry.id == job_id and not is_removed(job.folder):
                return job
        raise NotFoundError(f"there is no job {job_id[:40]!r}: look at the list of yours")

    def _list_jobs_of(self, user: str, project: Project) -> list[WebJob]:
        return [job for job in self._jobs if job.user == user and job.folder == project.folder]

    def _drop_job(self, job: WebJob) -> None:
        job.delete_files()
        self._jobs.remove(job)
        self._changed.notify_all()

    def _drop_old_jobs(self, folder: Path) -> None:
        ended = [job for job in self._jobs if job.folder == folder and not job.is_active]
        for job in ended[: max(0, len(ended) - MAX_FINISHED_JOBS)]:
            self._drop_job(job)

    def _make_view(self, job: WebJob) -> JobView:
        waiting = [other for other in self._jobs if other.lane == job.lane and other.entry.state == "queued"]
        return job.make_view(waiting.index(job) + 1 if job in waiting else None)

    def _load_unfinished_jobs(self) -> list[WebJob]:
        """Load all jobs from disk; those that were running when a server stopped are queued again."""
        found = []
        for user, folder in self._storage.iter_all_projects():
            for file in (folder / "jobs").glob("*.json"):
                job = load_job(file, Project(folder), user)
                if job is None:
                    continue
                if job.is_active:
                    job.entry.state = "stopped" if is_removed(folder) else "queued"
                found.append(job)
        return found


def _describe_silent_end(code: int, log_file: Path) -> str:
    """Say how a process ended that could not say it itself; ``code``: negative for the number of a signal."""
    if code < 0:
        return f"it ended without a word (signal {-code}): the machine may be out of memory; see {log_file}"
    return f"it ended without a word (code {code}): see {log_file}"

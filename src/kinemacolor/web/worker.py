"""What the process of one job does. It tells of its progress in JSON lines, and stops when its input closes.

``python -m kinemacolor.web.worker PROJECT JOB DEVICE``; a job that was stopped goes on where it was.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import assert_never

from filelock import FileLock

from kinemacolor.errors import Interrupted, KinemacolorError, PartialError, ResourceError
from kinemacolor.options import DEFAULT_MODEL, EncodingOptions
from kinemacolor.plan.document import FilmOptions, Plan
from kinemacolor.plan.excerpt import cut_excerpt
from kinemacolor.plan.keyframe_selection import CandidateFrames, suggest_keyframes
from kinemacolor.plan.planner import PlanRequest, carry_over_choices, load_default_encoder, plan_from_survey
from kinemacolor.plan.survey import Survey, survey_film
from kinemacolor.plan.survey_cache import save_survey
from kinemacolor.render.output import OutputSpec, prepare_plan_output
from kinemacolor.render.progress import RenderReport
from kinemacolor.render.renderer import RenderPlan, execute_render_plan
from kinemacolor.report.write import write_report
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.reader import probe_film
from kinemacolor.web.comparison_video import write_proxy
from kinemacolor.web.job import JobEntry
from kinemacolor.web.project import Project
from kinemacolor.web.requests import Look, MakePlan, RenderFilm, Try, target_of
from kinemacolor.weights.registry import load_model

Tell = Callable[[str, int, int | None], None]
SUGGESTIONS = 12
FRAME_LINK = "../../frames/{frame}/picture"  # from where the report lies in the HTTP interface
TOLD_EVERY_SECONDS = 0.2


def look(project: Project, task: Look, tell: Tell) -> Survey:
    """Shots, small pictures, and which frames are worth colouring."""
    entry = project.entry
    expected = (
        None if (entry.start_seconds, entry.end_seconds) != (0, None) else probe_film(project.film).expected_frames
    )
    seen = survey_film(
        project.film,
        detector=task.detector,
        start_seconds=entry.start_seconds,
        end_seconds=entry.end_seconds,
        on_frame=lambda done: tell("Looking at the film", done, expected),
    )
    views = CandidateFrames.from_survey(
        seen, load_default_encoder(), lambda done, of: tell("Comparing shots", done, of)
    )
    found = suggest_keyframes(views, SUGGESTIONS)
    rows = [{"frame": one.frame, "coverage": one.coverage, "shots": one.shots} for one in found]
    with write_file_atomically(project.folder / "suggestions.json") as stream:
        stream.write(json.dumps(rows).encode())
    save_survey(seen, project.survey_folder)
    return seen


def make_plan(project: Project, task: MakePlan, tell: Tell) -> Plan:
    """Shots and references as a plan; the film is looked at first where it was not.

    What is given or changed meanwhile counts too: then it is made again.
    """
    with FileLock(project.folder / "looking.lock"):  # another job may be at it
        seen = project.survey() or look(project, Look(), tell)
    tell("Choosing pictures for shots", 0, None)
    while True:
        wish = _wish(project, task)
        plan = plan_from_survey(wish, seen)
        with project.changing():
            if wish == _wish(project, task):
                return project.write(carry_over_choices(plan, project.plan()))


def _wish(project: Project, task: MakePlan) -> PlanRequest:
    before, entry = project.plan(), project.entry
    return PlanRequest(
        film=project.film,
        reference_specs=project.given(),
        stills_folder=project.folder / "stills",
        model=task.model or (before.model if before else DEFAULT_MODEL),
        options=task.options or (before.options if before else FilmOptions()),
        start_seconds=entry.start_seconds,
        end_seconds=entry.end_seconds,
        references_per_shot=task.per_shot,
    )


def try_out(project: Project, task: Try, tell: Tell, device: str) -> Path:
    """A few seconds in colour, for the player."""
    whole = project.planned()
    plan = cut_excerpt(whole, task.start_seconds, task.start_seconds + task.seconds)
    folder = project.folder / "try"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    made, output = folder / "try.mp4", project.folder / "try.mp4"
    _render(plan, folder / "work", OutputSpec(made, EncodingOptions(vcodec="h264")), tell, device)
    write_proxy(plan.film.path, made, output, start_seconds=plan.film.start_seconds, end_seconds=plan.film.end_seconds)
    whole.write(project.tried_plan)
    shutil.rmtree(folder)
    return output


def render_film(project: Project, task: RenderFilm, tell: Tell, device: str, rendered: Path) -> Path:
    """The whole film, the player's film, and the report.

    ``rendered``: a note that the film itself is done, so that a job that was stopped later does not do it again.
    """
    plan = project.plan() or make_plan(project, MakePlan(), tell)
    target, own = target_of(project, task), plan.to_json(project.folder) + task.model_dump_json()
    project.results.mkdir(exist_ok=True)
    if not (rendered.is_file() and rendered.read_text() == own and target.output.is_file()):
        try:
            _render(plan, project.work, target, tell, device)
        except PartialError as error:
            if isinstance(error.report, RenderReport) and not project.is_photograph:
                _show(project, plan, Path(error.report.result), tell)
            raise
        with write_file_atomically(rendered) as stream:
            stream.write(own.encode())
    if not project.is_photograph:
        _show(project, plan, target.output, tell)
    plan.write(project.rendered_plan)
    return target.output


def _show(project: Project, plan: Plan, result: Path, tell: Tell) -> None:
    """The player's film and the report of a result, whole or not."""
    film = plan.film
    tell("Making the film for the player", 0, film.frames)
    write_proxy(
        film.path,
        result,
        project.player_film,
        start_seconds=film.start_seconds,
        end_seconds=film.end_seconds,
        on_frame=lambda done: tell("Making the film for the player", done, film.frames),
    )
    write_report(
        plan,
        project.work,
        project.report,
        on_frame=lambda done: tell("Writing the report", done, film.frames),
        frame_link=FRAME_LINK,
    )


def _render(plan: Plan, work: Path, target: OutputSpec, tell: Tell, device: str) -> None:
    network = load_model(plan.model)
    prepared = prepare_plan_output(plan, target, network.spec, work, device=device, inputs=[])
    job = RenderPlan(plan, network, work, device=device)
    execute_render_plan(job, prepared, lambda at: tell("Colouring", at.frames, at.expected))


def run(project: Project, entry: JobEntry, tell: Tell, device: str) -> Path | None:
    """One task; gives the file that it made for the user."""
    task = entry.task
    match task:
        case Look():
            with FileLock(project.folder / "looking.lock"):
                look(project, task, tell)
            return None
        case MakePlan():
            make_plan(project, task, tell)
            return None
        case Try():
            return try_out(project, task, tell, device)
        case RenderFilm():
            return render_film(project, task, tell, device, project.folder / "jobs" / f"{entry.id}.rendered")
        case _:
            assert_never(task)


def main(folder: str, job: str, device: str) -> int:
    """The exit code is that of the command line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    project = Project(Path(folder))
    try:
        threading.Thread(target=_stop_with_input, daemon=True).start()
        with FileLock(project.folder / "jobs" / f"{job}.lock"), warnings.catch_warnings():
            warnings.showwarning = lambda message, *more, **where: print(message, file=sys.stderr)
            entry = JobEntry.model_validate_json((project.folder / "jobs" / f"{job}.json").read_text(encoding="utf-8"))
            result = run(project, entry, _teller(), device)
    except KinemacolorError as error:
        partial = getattr(error.report, "result", None) if isinstance(error, PartialError) else None
        _say(error=str(error), result=_relative(project, partial))
        return error.exit_code
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        _say(error="out of memory: try a smaller size, or close other programs")
        return ResourceError.exit_code
    _say(result=_relative(project, result))
    return 0


def _say(**content: object) -> None:
    print(json.dumps(content), flush=True)


def _teller() -> Tell:
    """Speaks now and then, and when the step changes."""
    last: tuple[str, float] = ("", 0.0)

    def tell(step: str, done: int, expected: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if step != last[0] or now - last[1] > TOLD_EVERY_SECONDS or done == expected:
            last = step, now
            _say(step=step, done=done, expected=expected)

    return tell


def _relative(project: Project, path: Path | str | None) -> str | None:
    return str(Path(path).relative_to(project.folder)) if path else None


def _stop_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not by sys.stdin, whose lock would be held when the process ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Interrupted("stopped; what was done is kept")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

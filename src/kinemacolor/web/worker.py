"""What the process of one job (`worker_process`) does: it tells of its progress, and stops when its input closes."""

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import BinaryIO, assert_never

from filelock import FileLock

from kinemacolor.errors import Interrupted, KinemacolorError, PartialError, UsageError, translate_foreign_errors
from kinemacolor.options import DEFAULT_MODEL, EncodingOptions, RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.plan.excerpt import cut_excerpt
from kinemacolor.plan.frame_encoder import make_frame_encoder
from kinemacolor.plan.keyframe_selection import CandidateFrames, suggest_keyframes
from kinemacolor.plan.planner import PlanRequest, carry_over_choices, plan_from_survey
from kinemacolor.plan.survey import Survey, survey_film
from kinemacolor.plan.survey_cache import save_survey
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.report.write import write_report
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.web.comparison_video import write_comparison_video
from kinemacolor.web.edited_cuts import apply_edited_cuts
from kinemacolor.web.film_part import displace_lost_references
from kinemacolor.web.job import JobEntry
from kinemacolor.web.job_messages import JobOrder
from kinemacolor.web.job_progress import CountingEncoder, ProgressCallback, expect_frames, expect_pictures
from kinemacolor.web.known_times import keep_known_times
from kinemacolor.web.made_from import hash_pictures, note_made_from
from kinemacolor.web.preview_clip import find_clip_start, write_clip_start
from kinemacolor.web.project import Project
from kinemacolor.web.project_entry import FilmPart
from kinemacolor.web.requests import AnalyzeFilm, MakePlan, PreviewClip, RenderFilm, make_output_target
from kinemacolor.weights.registry import load_model

MAX_SUGGESTIONS = 12
FRAME_LINK = "../../frames/{frame}/picture"  # from where the report lies in the HTTP interface
PROGRESS_INTERVAL_SECONDS = 0.2


def analyze_film(project: Project, task: AnalyzeFilm, report_progress: ProgressCallback) -> Survey:
    """Shots, small pictures, and which frames are worth colouring; begins again where the part is changed meanwhile."""
    found = None
    while not found:
        found = _analyze_part(project, task, project.entry.part, report_progress)
    return found


def _analyze_part(
    project: Project, task: AnalyzeFilm, part: FilmPart, report_progress: ProgressCallback
) -> Survey | None:
    """Look at a part of the film; None, and nothing is kept, where the project has another part at the end."""
    expected = expect_frames(project)
    report_progress("Finding shots", 0, expected)
    film_survey = survey_film(
        project.film,
        detector=task.detector,
        start_seconds=part[0],
        end_seconds=part[1],
        on_frame=lambda done: report_progress("Finding shots", done, expected),
    )
    candidates = CandidateFrames.from_survey(
        film_survey, make_frame_encoder(), lambda done, of: report_progress("Comparing shots", done, of)
    )
    found = suggest_keyframes(candidates, MAX_SUGGESTIONS)
    rows = [{"frame": one.frame, "coverage": one.coverage, "shots": one.shots} for one in found]
    with project.change_lock:
        if project.entry.part != part:
            return None
        with write_file_atomically(project.folder / "suggestions.json") as stream:
            stream.write(json.dumps(rows).encode())
        save_survey(film_survey, project.survey_folder)
        keep_known_times(project, part, film_survey)
    return film_survey


def make_project_plan(project: Project, task: MakePlan, report_progress: ProgressCallback) -> Plan:
    """Shots and references as a plan; the film is looked at first where it was not.

    What is given or changed meanwhile counts too, also another part of the film: then it is made again.
    """
    encoder = make_frame_encoder()
    while True:
        part, film_survey = _find_survey(project, report_progress)
        displace_lost_references(project, part, film_survey.index.frames)
        report_progress("Choosing pictures", 0, None)
        request, shots = _make_plan_request(project, task), _list_shots(project, film_survey)
        cut = replace(film_survey, shots=shots)
        counted = CountingEncoder(encoder, partial(report_progress, "Choosing pictures"), expect_pictures(request, cut))
        plan = plan_from_survey(request, cut, encoder=counted)
        with project.exclusive_changes("New plan"):
            now = (project.entry.part, _make_plan_request(project, task), _list_shots(project, film_survey))
            if (part, request, shots) == now:
                return project.write_new_plan(carry_over_choices(plan, project.read_last_plan()))


def _find_survey(project: Project, report_progress: ProgressCallback) -> tuple[FilmPart, Survey]:
    """Return the part of the film to work on, and its survey; the film is looked at where it was not."""
    with FileLock(project.folder / "looking.lock"):  # another job may be at it
        while True:
            part = project.entry.part
            found = project.read_survey() or _analyze_part(project, AnalyzeFilm(), part, report_progress)
            if found and part == project.entry.part:
                return part, found


def _list_shots(project: Project, film_survey: Survey) -> tuple[Shot, ...]:
    """Return the shots as the user has cut the film, else as they were found."""
    return apply_edited_cuts(project, film_survey.shots) or film_survey.shots


def _make_plan_request(project: Project, task: MakePlan) -> PlanRequest:
    previous, entry, reference_specs = project.read_last_plan(), project.entry, project.make_reference_specs()
    if not reference_specs:
        raise UsageError("no reference is left: give a colour picture")
    return PlanRequest(
        film=project.film,
        reference_specs=reference_specs,
        stills_folder=project.folder / "stills",
        model=task.model or (previous.model if previous else DEFAULT_MODEL),
        options=task.options or (previous.options if previous else RenderOptions()),
        start_seconds=entry.start_seconds,
        end_seconds=entry.end_seconds,
        references_per_shot=task.per_shot,
    )


def preview_clip(project: Project, task: PreviewClip, report_progress: ProgressCallback, device: str) -> Path:
    """A few seconds in colour, for the player."""
    whole = project.require_plan()
    pictures = hash_pictures(whole)
    start_frame, start_seconds = find_clip_start(project, task)
    plan = cut_excerpt(whole, start_seconds, start_seconds + task.seconds)
    folder = project.folder / "try"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    clip, output = folder / "try.mp4", project.preview_clip_file
    _render_plan(plan, folder / "work", OutputSpec(clip, EncodingOptions(vcodec="h264")), report_progress, device)
    report_progress("Making the player film", 0, plan.film.frames)
    write_comparison_video(
        plan.film.path,
        clip,
        output,
        start_seconds=plan.film.start_seconds,
        end_seconds=plan.film.end_seconds,
        on_frame=lambda done: report_progress("Making the player film", done, plan.film.frames),
    )
    write_clip_start(project, start_frame)
    note_made_from(project.preview_plan_file, whole, pictures)
    shutil.rmtree(folder)
    return output


def render_film(
    project: Project, task: RenderFilm, report_progress: ProgressCallback, device: str, done_marker: Path
) -> Path:
    """The whole film, the player's film, and the report.

    ``rendered``: a note that the film itself is done, so that a job that was stopped later does not do it again.
    """
    plan = project.read_plan() or make_project_plan(project, MakePlan(), report_progress)
    pictures = hash_pictures(plan)
    target, fingerprint = make_output_target(project, task), plan.to_json(project.folder) + task.model_dump_json()
    project.results_folder.mkdir(exist_ok=True)
    is_done = done_marker.is_file() and done_marker.read_bytes() == fingerprint.encode()
    if not (is_done and target.output.is_file()):
        try:
            _render_plan(plan, project.work_folder, target, report_progress, device)
        except PartialError as error:
            if isinstance(error.report, RenderReport) and not project.is_photograph:
                _write_video_and_report(project, plan, Path(error.report.result), report_progress)
            raise
        with write_file_atomically(done_marker) as stream:
            stream.write(fingerprint.encode())
    if not project.is_photograph:
        _write_video_and_report(project, plan, target.output, report_progress)
    note_made_from(project.rendered_plan_file, plan, pictures)
    return target.output


def _write_video_and_report(project: Project, plan: Plan, result: Path, report_progress: ProgressCallback) -> None:
    """The player's film and the report of a result, whole or not."""
    film = plan.film
    report_progress("Making the player film", 0, film.frames)
    write_comparison_video(
        film.path,
        result,
        project.comparison_file,
        start_seconds=film.start_seconds,
        end_seconds=film.end_seconds,
        on_frame=lambda done: report_progress("Making the player film", done, film.frames),
    )
    write_report(
        plan,
        project.work_folder,
        project.report_folder,
        on_frame=lambda done: report_progress("Writing the report", done, film.frames),
        frame_link=FRAME_LINK,
    )


def _render_plan(plan: Plan, work: Path, target: OutputSpec, report_progress: ProgressCallback, device: str) -> None:
    network = load_model(plan.model)
    prepared = prepare_plan_output(plan, target, network.spec, work, device=device, engine="auto", inputs=[])
    job = RenderPlan(plan, network, work, device=device)
    report_progress("Colouring", plan.film.frames * job.frames_painted // max(1, job.frames_to_paint), plan.film.frames)
    execute_render_plan(job, prepared, lambda at: report_progress("Colouring", at.frames, at.expected))


def run_task(project: Project, entry: JobEntry, report_progress: ProgressCallback, device: str) -> Path | None:
    """One task; gives the file that it made for the user."""
    task = entry.task
    match task:
        case AnalyzeFilm():
            with FileLock(project.folder / "looking.lock"):
                analyze_film(project, task, report_progress)
            return None
        case MakePlan():
            make_project_plan(project, task, report_progress)
            return None
        case PreviewClip():
            return preview_clip(project, task, report_progress, device)
        case RenderFilm():
            return render_film(project, task, report_progress, device, project.folder / "jobs" / f"{entry.id}.rendered")
        case _:
            assert_never(task)


def do_job(order: JobOrder, server: BinaryIO) -> int:
    """Do a job until it ends or ``server``, the input, closes; gives the exit code of the command line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise_interrupted)
    project = Project(Path(order.project))
    file = project.folder / "jobs" / order.job
    try:
        threading.Thread(target=_stop_when_input_closes, args=(server,), daemon=True).start()
        with translate_foreign_errors(_describe_mistake), FileLock(f"{file}.lock"), warnings.catch_warnings():
            warnings.showwarning = lambda message, *more, **where: print(message, file=sys.stderr)
            entry = JobEntry.model_validate_json(Path(f"{file}.json").read_text(encoding="utf-8"))
            with project.change_lock:
                project.finish_move()  # of a server that was killed
            result = run_task(project, entry, _make_progress_callback(), order.device)
    except KinemacolorError as error:
        partial = getattr(error.report, "result", None) if isinstance(error, PartialError) else None
        _send_message(error=str(error), result=_path_in_project(project, partial))
        return error.exit_code
    _send_message(result=_path_in_project(project, result))
    return 0


def _describe_mistake(error: Exception) -> KinemacolorError:
    """What no library's border has caught is a mistake of ours: the job's log has where, its user learns what."""
    traceback.print_exception(error)
    return KinemacolorError(f"a mistake of the program ended it ({type(error).__name__}: {error})")


def _send_message(**content: object) -> None:
    print(json.dumps(content), flush=True)


def _make_progress_callback() -> ProgressCallback:
    """Speaks now and then, and when the step changes."""
    last_sent: tuple[str, float] = ("", 0.0)

    def send_progress(step: str, done: int, expected: int | None) -> None:
        nonlocal last_sent
        now = time.monotonic()
        if step != last_sent[0] or now - last_sent[1] > PROGRESS_INTERVAL_SECONDS or done == expected:
            last_sent = step, now
            _send_message(step=step, done=done, expected=expected)

    return send_progress


def _path_in_project(project: Project, path: Path | str | None) -> str | None:
    return str(Path(path).relative_to(project.folder)) if path else None


def _stop_when_input_closes(server: BinaryIO) -> None:
    while server.read(1):
        pass
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)  # os.kill would end the process at once there
    else:
        os.kill(os.getpid(), signal.SIGTERM)  # which also wakes the main thread where it waits


def _raise_interrupted(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Interrupted("stopped; what was done is kept")

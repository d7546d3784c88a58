"""Nodes that colorize: a preview, a plan, a film."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Unpack

from comfy_api.latest import Input, io
from comfy_execution.graph_utils import ExecutionBlocker

import kinemacolor
from kinemacolor.errors import UsageError
from kinemacolor.rendering.passes import PAINTING_FORMAT
from kinemacolor.report.write import PAGE_FILE, REPORT_FILE, write_report
from kinemacolor.utils.files import compute_file_sha256

from . import comfy_files as files
from .choices import (
    ResultChoices,
    device_input,
    film_outputs,
    make_encoding,
    make_options,
    model_inputs,
    result_inputs,
)
from .reference_nodes import CATEGORY, References

Plan = io.Custom("KINEMACOLOR_PLAN")  # the path of a plan


class PreviewColours(io.ComfyNode):
    """Film and references to one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorPreview",
            display_name="Preview Colours",
            category=CATEGORY,
            description="A row for each time: gray, in colour, and how sure the model is (bright: sure).",
            inputs=[
                io.Video.Input("film"),
                References.Input("references"),
                io.String.Input("seconds", default="0", tooltip="Times in the film, such as 1.5, 20"),
                *model_inputs(),
                device_input(),
            ],
            outputs=[io.Image.Output(display_name="preview")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        film: Input.Video,
        references: tuple[str, ...],
        seconds: str,
        model: str,
        saturation: float,
        fill: bool,
        device: str,
    ) -> io.NodeOutput:
        """Make the picture."""
        found = files.find_film(film)
        try:
            times = [found.start_seconds + float(one) for one in seconds.split(",") if one.strip()]
        except ValueError:
            raise ValueError(f"{seconds!r} is no list of seconds: write 1.5, 20") from None
        with files.open_temporary_folder() as folder:
            target = Path(folder) / "preview.png"
            options = make_options(saturation, fill=fill)
            kinemacolor.preview(
                found.path,
                references,
                target,
                at_seconds=times,
                model=model,
                options=options,
                device=device,
                on_frame=files.make_frame_progress(cls.hidden.unique_id, len(times)),
            )
            return io.NodeOutput(files.read_pictures([target]))


class PlanFilm(io.ComfyNode):
    """Film and references to a plan."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorPlan",
            display_name="Plan Film",
            category=CATEGORY,
            description="Finds the shots, and gives each the references that fit it: one file to read and edit.",
            inputs=[
                io.Video.Input("film"),
                References.Input("references"),
                io.Int.Input("per_shot", default=2, min=1, max=100, tooltip="References for a shot at most."),
                io.String.Input("shots", default="", tooltip="A list of your shots: *.csv, *.edl, *.otio; or empty."),
                *model_inputs(),
            ],
            outputs=[
                Plan.Output(display_name="plan"),
                io.String.Output(display_name="summary", tooltip="Shots and their references."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        film: Input.Video,
        references: tuple[str, ...],
        per_shot: int,
        shots: str,
        model: str,
        saturation: float,
        fill: bool,
    ) -> io.NodeOutput:
        """Make the plan and write it into ComfyUI's output, named by its content."""
        options = make_options(saturation, fill=fill)
        plan = _make_plan(
            files.find_film(film), references, model, options, cls.hidden.unique_id, per_shot, shots.strip() or None
        )
        film_name = plan.film.path.stem[:50]  # letters, of up to four bytes: a disk takes 255
        path = files.make_folder("plans") / f"{film_name}_{_digest_plan(plan)}.plan.json"
        plan.write(path)
        return io.NodeOutput(str(path), _describe_plan(plan, path))


class LoadPlan(io.ComfyNode):
    """A file to a plan."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorLoadPlan",
            display_name="Load Plan",
            category=CATEGORY,
            description="A plan that was edited, or made by `kinemacolor plan`.",
            inputs=[io.String.Input("path", tooltip="*.plan.json")],
            outputs=[Plan.Output(display_name="plan"), io.String.Output(display_name="summary")],
        )

    @classmethod
    def execute(cls, path: str) -> io.NodeOutput:
        """Read and check the plan."""
        return io.NodeOutput(path, _describe_plan(kinemacolor.Plan.read(Path(path)), Path(path)))

    @classmethod
    def fingerprint_inputs(cls, path: str | None) -> str:
        """Have the node run again where the file changed; ComfyUI gives None for what is linked."""
        return compute_file_sha256(Path(path)) if path and Path(path).is_file() else ""


class ColorizeFilm(io.ComfyNode):
    """Film and references to a film in colour."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorColorizeFilm",
            display_name="Colorize Film",
            category=CATEGORY,
            description="Gives a film the colours of references. The film goes by its path, so any length fits; luma, "
            "sound and times stay. Stopped jobs go on where they were when they are queued again.",
            is_output_node=True,
            inputs=[
                io.Video.Input("film"),
                References.Input("references"),
                *model_inputs(),
                device_input(),
                *result_inputs(),
            ],
            outputs=film_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        film: Input.Video,
        references: tuple[str, ...],
        model: str,
        saturation: float,
        fill: bool,
        device: str,
        **choices: Unpack[ResultChoices],
    ) -> io.NodeOutput:
        """Plan and render."""
        node_id, options = cls.hidden.unique_id, make_options(saturation, fill=fill)
        plan = _make_plan(files.find_film(film), references, model, options, node_id)
        return _render(plan, node_id, device, choices)


class RenderPlan(io.ComfyNode):
    """Plan to a film in colour."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorRenderPlan",
            display_name="Render Plan",
            category=CATEGORY,
            description="Colorizes a film as its plan says. Of a changed plan only what changed is painted, where "
            "predictions are kept.",
            is_output_node=True,
            inputs=[Plan.Input("plan"), device_input(), *result_inputs()],
            outputs=film_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, plan: str, device: str, **choices: Unpack[ResultChoices]) -> io.NodeOutput:
        """Read the plan and render it."""
        return _render(kinemacolor.Plan.read(Path(plan)), cls.hidden.unique_id, device, choices)


def _make_plan(
    film: files.Film,
    references: tuple[str, ...],
    model: str,
    options: kinemacolor.RenderOptions,
    node_id: str | None,
    per_shot: int = 2,
    shot_list: str | None = None,
) -> kinemacolor.Plan:
    return kinemacolor.make_plan(
        film.path,
        references,
        model=model,
        options=options,
        start_seconds=film.start_seconds,
        end_seconds=film.end_seconds,
        references_per_shot=per_shot,
        shot_list=shot_list,
        stills_folder=files.make_folder("stills"),
        on_frame=files.make_frame_progress(node_id, film.frames),
    )


def _digest_plan(plan: kinemacolor.Plan, *further: object) -> str:
    """Compute ten digits that differ where the colours may, by the plan and its pictures, or what is ``further``."""
    digest = hashlib.sha256(plan.model_dump_json(exclude={"kinemacolor"}).encode())
    for _, entry in sorted(plan.references.items()):
        digest.update(compute_file_sha256(entry.path).encode())
    digest.update(repr((PAINTING_FORMAT, *further)).encode())
    return digest.hexdigest()[:10]


def _describe_plan(plan: kinemacolor.Plan, path: Path) -> str:
    shots = [
        f"shot {number}: frames {shot.first} to {shot.last}, {', '.join(shot.references)}"
        for number, shot in enumerate(plan.shots, 1)
    ]
    return "\n".join([f"{path}: {plan.film.frames} frames", *shots])


def _render(plan: kinemacolor.Plan, node_id: str | None, device: str, choices: ResultChoices) -> io.NodeOutput:
    """Render a plan into ComfyUI's output, under names that follow from all that decides the files.

    So a stopped job goes on there, and one that is done is found. What is painted has the plan's own name.
    """
    container, codec = choices["container"], choices["codec"]
    if (codec, container) == ("prores", "mp4"):
        raise ValueError("mp4 cannot hold prores: choose mov or mkv as the container")
    base = files.make_result_base(choices["prefix"], plan.film.path)
    work = base.with_name(f"{base.name}_{_digest_plan(plan)}.work")
    name = f"{base.name}_{_digest_plan(plan, container, codec, choices['confidence'])}"
    target, confidence = base.with_name(f"{name}.{container}"), base.with_name(f"{name}.confidence.{container}")
    page = base.with_name(f"{name}.report")
    is_report_missing = choices["report"] and not (page / REPORT_FILE).exists()
    is_done = all(path.exists() for path in (target, *([confidence] if choices["confidence"] else [])))
    try:
        report = kinemacolor.render(
            plan,
            target,
            work_folder=work,
            encoding=make_encoding(codec),
            confidence=confidence if choices["confidence"] else None,
            device=device,
            # A report wants predictions, all of them; and what is left of a result that was moved stands in no way.
            overwrite=is_report_missing or not is_done,
            on_progress=files.make_progress(node_id),
        )
    except UsageError as error:
        if "--overwrite" not in str(error):  # what is there was edited, or nobody knows any more that it is whole
            raise
        raise UsageError(f"{error} (at this node: move that file away, or choose another prefix)") from error
    text = [
        f"{report.frames} frames, {report.shots} shots, mean confidence {report.mean_confidence:.2f}",
        *(f"note: {warning}" for warning in report.warnings),
    ]
    if is_report_missing:
        write_report(plan, work, page, files.make_frame_progress(node_id, report.frames))
    if choices["report"]:
        text += _describe_report(page)
    if not choices["keep_predictions"]:
        shutil.rmtree(work, ignore_errors=True)
    return io.NodeOutput(
        files.open_result(target),
        files.open_result(confidence) if choices["confidence"] else ExecutionBlocker(None),
        "\n".join(text),
        str(target),
        ui=files.make_video_preview(target),
    )


def _describe_report(folder: Path) -> list[str]:
    """List the shots that want a look, by a report."""
    report = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
    return [
        *(
            f"look at shot {shot['number']} (frames {shot['first']} to {shot['last']}): {', '.join(shot['reasons'])}"
            for shot in report["shots"]
            if shot["verdict"] == "look"
        ),
        *(f"a reference at frame {one['frame']} would help most" for one in report["advice"][:1]),
        f"report: {folder / PAGE_FILE}",
    ]


NODES = (PreviewColours, PlanFilm, LoadPlan, ColorizeFilm, RenderPlan)

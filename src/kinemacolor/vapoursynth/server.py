"""The side with the network: answers a script's requests, in a thread or a process of its own."""

import queue
import tempfile
import threading
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinemacolor._version import __version__
from kinemacolor.errors import InputError, Interrupted, KinemacolorError, UsageError
from kinemacolor.inference.engines.choice import check_engine
from kinemacolor.models.catalog import check_fill, find_model
from kinemacolor.options import RenderOptions, check_options
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import PlanRequest, check_placed
from kinemacolor.references.load import ReferenceReader, check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.random_painter import RandomPainter
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.device import check_device
from kinemacolor.vapoursynth.clip_frames import ClipFormat, ClipFrames
from kinemacolor.vapoursynth.clip_plan import list_shots, make_clip_plan, read_clip_plan
from kinemacolor.vapoursynth.messages import Channel, Message
from kinemacolor.video.images import write_picture
from kinemacolor.video.pixels import compute_chroma_shape
from kinemacolor.weights.registry import load_model


@dataclass(frozen=True)
class ClipJob:
    """What a script wants: ``clip`` as `ClipFormat` has it, and a ``plan``, or ``references`` and the rest.

    A reference is what -r takes; None stands for the next of the pictures that came with the job, sRGB ``H W 3``.
    ``shots`` are first frames or the path of a list; None is what the clip or our detector says.
    """

    clip: list[Any]
    plan: str | None = None
    references: Sequence[str | None] = ()
    shots: Sequence[int] | str | None = None
    model: str = "kinema"
    options: dict[str, Any] | None = None
    device: str = "auto"
    engine: str = "auto"
    version: str = ""

    def parse_options(self) -> RenderOptions:
        """Return the options. Raises UsageError for names or values that there are not."""
        try:
            options = RenderOptions(**(self.options or {}))
        except TypeError as error:
            raise UsageError(f"{error}: options are those of kinemacolor.RenderOptions") from error
        check_options(options)
        return options


def serve(channel: Channel) -> None:
    """Answer what comes through a channel, until its other end closes."""
    inbox = _Inbox(channel)
    try:
        with ExitStack() as open_now:
            folder = tempfile.TemporaryDirectory(prefix="kinemacolor-clip-", ignore_cleanup_errors=True)
            painting = _ClipPainting(inbox, Path(open_now.enter_context(folder)), open_now)
            while (request := inbox.take_request()) is not None:
                try:
                    channel.send(painting.answer(request))
                except Interrupted:
                    break
                except KinemacolorError as error:
                    channel.send(Message("error", {"words": str(error), "exit_code": error.exit_code}))
    except BaseException as error:  # a mistake of ours: told where it can be seen
        channel.send(Message("fault", {"words": "".join(traceback.format_exception(error))}))
    finally:
        channel.close()


class _Inbox:
    """Sorts what comes: requests, and frames that were asked for."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._asking = channel, threading.Lock()
        self._requests: queue.Queue[Message | None] = queue.Queue()
        self._frames: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._sort, name="kinemacolor inbox", daemon=True).start()

    def take_request(self) -> Message | None:
        """Wait for the next request; None once the script has ended."""
        return self._requests.get()

    def ask_for_frame(self, frame: int) -> tuple[UIntArray, bool | None]:
        """Ask for a frame of the clip, as `ClipFrames` does.

        Raises InputError where the script cannot make it, Interrupted where the script has ended.
        """
        with self._asking:
            self._channel.send(Message("want", {"frame": frame}))
            answer = self._frames.get()
            if answer is None:
                self._frames.put(None)  # for who asks next
                raise Interrupted("the script has ended")
        if answer.kind == "no_luma":
            raise InputError(f"frame {frame} of the clip: {answer.values['words']}")
        return answer.arrays[0], answer.values["begins_shot"]

    def _sort(self) -> None:
        while (message := self._channel.receive()) is not None:
            (self._frames if message.kind in ("luma", "no_luma") else self._requests).put(message)
        self._frames.put(None)
        self._requests.put(None)


class _ClipPainting:
    """One clip being painted; what it needs on disk lies in ``folder``, what it opens is closed by ``open_now``."""

    def __init__(self, inbox: _Inbox, folder: Path, open_now: ExitStack) -> None:
        self._inbox, self._folder, self._open_now = inbox, folder, open_now
        self._references = ReferenceReader()
        self._painter: RandomPainter | None = None

    def answer(self, request: Message) -> Message:
        """Answer a request. Raises KinemacolorError."""
        if request.kind == "open":
            self._open(request)
            return Message("opened", {})
        painter, frame = self._painter or self._start_painting(), request.values["frame"]
        luma_codes, _ = self._frames.read(frame)
        cbcr_codes = painter.compute_cbcr_codes(frame, luma_codes, self._chroma_shape)
        confidence = (painter.compute_confidence(frame),) if request.values["with_confidence"] else ()
        return Message("painted", {}, (cbcr_codes, *confidence))

    def _open(self, request: Message) -> None:
        """See early, without a frame, that all can be done."""
        if (version := request.values.get("version")) != __version__:
            raise UsageError(
                f"the script has kinemacolor {version}, what paints has {__version__}: install one version"
            )
        job = self._job = ClipJob(**request.values)
        clip = ClipFormat(*job.clip)
        self._frames = ClipFrames(clip.describe(), self._inbox.ask_for_frame)
        self._chroma_shape = compute_chroma_shape(clip.height, clip.width, clip.subsampling)
        check_device(job.device)
        self._plan: Plan | None = None
        if job.plan is not None:
            self._plan = read_clip_plan(Path(job.plan), clip.frames)
            name, precision = self._plan.model, self._plan.options.precision
        else:
            self._request = self._make_plan_request(job, request.arrays)
            self._shots = None if job.shots is None else list_shots(job.shots, self._frames.info)
            name, precision = job.model, self._request.options.precision
        spec = find_model(name).spec
        check_engine(job.engine, job.device, spec, precision)
        self._model = load_model(name)

    def _make_plan_request(self, job: ClipJob, pictures: Sequence[UIntArray]) -> PlanRequest:
        options, rest = job.parse_options(), iter(pictures)
        check_fill(find_model(job.model).spec, fill=options.fill)
        specs = []
        for number, text in enumerate(job.references):
            if text is None:
                path = self._folder / f"picture-{number}.png"
                write_picture(path, next(rest))
                specs.append(ReferenceSpec(path))
            else:
                specs.append(ReferenceSpec.parse(text))
        check_reference_specs(specs, self._references)
        for spec in specs:
            check_placed(() if spec.is_film else spec.list_references(), self._frames.info.frames or 0)
        return PlanRequest(Path("clip"), tuple(specs), self._folder / "stills", job.model, options)

    def _start_painting(self) -> RandomPainter:
        """Make the plan, which may take a reading of the whole clip, and what paints it."""
        job = self._job
        if self._plan is None:
            self._plan = make_clip_plan(self._request, self._shots, self._frames, self._model, self._references)
        render_plan = RenderPlan(
            self._plan,
            self._model,
            self._folder / "work",
            device=job.device,
            engine=job.engine,
            references=self._references,
            is_film_checked=True,
        )
        self._open_now.enter_context(render_plan.work.pin_torch_threads())
        self._painter = self._open_now.enter_context(RandomPainter(render_plan, self._frames))
        return self._painter

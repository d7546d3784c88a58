"""Runs one command of `kinemacolor` and says how many core-seconds each stage of it took.

python -P stage_probe.py RESULT.json colorize film.mkv -r still.png -o result.mkv

It is run by the Python of any environment, and imports nothing but the `kinemacolor` that is installed there, so two
versions can be compared. Functions of that version are wrapped by name: `STAGES` has the names of all versions, and a
stage of which no name exists is left out of the result.

The process keeps to one core. So FFmpeg, x264, OpenCV and torch start no threads of their own, and the time of the
thread that calls a stage is all that the stage costs, also while other stages run in their threads.
"""

import importlib
import inspect
import json
import os
import runpy
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Of each stage the functions that are its work, "module:name". Inside of one no other stage is counted.
STAGES: dict[str, tuple[str, ...]] = {
    "weights": ("weights.registry:load_model", "weights:load_model"),
    "compile": ("inference.engines.openvino:compile_module",),
    "references": ("inference.session:Session.__init__", "session:Session.__init__"),
    "plan": ("plan.frame_encoder:KinemaFrameEncoder.encode_frame", "plan.likeness:Eye.look"),
    "hash": ("plan.planner:film_sha256", "plan.make:film_sha256"),
    "decode": (
        *("video.reader:VideoReader._iter_decoded", "video.reader:VideoReader.to_stored_frame"),
        *("video.reader:VideoReader._frames", "video.reader:VideoReader.stored"),
    ),
    "resize": ("video.geometry:Geometry.downscale_codes", "resample:Geometry.down"),
    "repeats": (
        *("inference.quantization:is_repeated_frame", "rendering.painting:is_repeated_frame"),
        *("rendering.inference_pass:is_repeated_frame", "render.paint:is_repeat"),
    ),
    "features": (
        *("models.kinema.model:Kinema.encode", "models.kinema.model:Kinema._extract_all", "models.kinema:Kinema.see"),
    ),
    "match": ("models.kinema.matching:_match_references", "correspondence:match"),
    "history": ("models.kinema.matching:_match_previous_frame", "correspondence:match_nearby"),
    "fine": ("models.kinema.fine:FineMatching.forward",),
    "semantic": (
        *("models.kinema.semantic:SemanticAttention.attend", "models.kinema.semantic:SemanticAttention.forward"),
        *("models.kind:LookByKind.forward",),
    ),
    "fusion": ("models.kinema.fusion:Fusion.forward", "models.fusion:Fusion.forward"),
    "network, the rest": (),
    "segments": (
        *("inference.quantization:quantize_prediction", "inference.quantization:prediction_from_codes"),
        *("rendering.segment_codec:quantize_prediction", "rendering.segment_codec:prediction_from_codes"),
        *("rendering.cache:PassFolder.store_segment", "rendering.cache:PassFolder.read_segment"),
        *("render.segments:PassFolder.store", "render.segments:PassFolder.read"),
    ),
    "chroma": (*("inference.postprocess:ChromaPostprocessor.compute_cbcr_codes", "finish:Finish.chroma_planes"),),
    "encode, mux": (
        *("video.writer:VideoWriter.write", "video.writer:VideoWriter.finish", "video.writer:VideoWriter.commit"),
    ),
}
# Functions that consist of stages: what is left of them counts as the stage of this name.
CONTAINERS: dict[str, tuple[str, ...]] = {
    "plan": ("plan.planner:make_plan", "plan.make:make_plan"),
    "network, the rest": (
        *("inference.session:Session.encode_frames", "inference.session:Session.predict_frames"),
        "session:Session.advance",
    ),
}
# Methods of a model that another engine may compute, and their stages (`Colorizer.with_methods`).
METHOD_STAGES = {"encode": "features", "attend": "semantic", "fuse": "fusion"}


class StageClock:
    """Adds up the core-seconds of stages; each thread has a stack of the stages that it is in."""

    def __init__(self) -> None:
        self.core_seconds: dict[str, float] = defaultdict(float)
        self._local, self._lock = threading.local(), threading.Lock()

    @contextmanager
    def count(self, stage: str, *, is_container: bool = False) -> Iterator[None]:
        """Count the time of this thread as that of ``stage``, except where it is inside of another that is none."""
        stack: list[tuple[str, bool]] = self._local.__dict__.setdefault("stack", [])
        if stack and not stack[-1][1]:
            yield
            return
        self._settle(stack)
        stack.append((stage, is_container))
        try:
            yield
        finally:
            self._settle(stack)
            stack.pop()

    def _settle(self, stack: list[tuple[str, bool]]) -> None:
        """Give the time since the last change to the stage that this thread is in."""
        now = time.thread_time()
        if stack:
            with self._lock:
                self.core_seconds[stack[-1][0]] += now - self._local.since
        self._local.since = now

    def wrap(self, function: Callable[..., Any], stage: str, *, is_container: bool) -> Callable[..., Any]:
        """Return ``function`` with its time counted; of a generator, that of each of its items."""

        def run_counted(*values: Any, **more: Any) -> Any:
            with self.count(stage, is_container=is_container):
                result = function(*values, **more)
            return count_items(result) if inspect.isgenerator(result) else result

        def count_items(items: Generator[Any, Any, Any]) -> Generator[Any, Any, None]:
            try:
                while True:
                    with self.count(stage, is_container=is_container):
                        item = next(items, items)
                    if item is items:
                        return
                    yield item
            finally:
                items.close()

        return run_counted


def prepare_quick_start() -> None:
    """Do what `kinemacolor` of this version does before it imports torch, which to wrap stages does, too."""
    try:
        quick_start = importlib.import_module("kinemacolor.utils.quick_start")
    except ImportError:
        return
    quick_start.prepare_quick_start()


def wrap_stages(clock: StageClock) -> set[str]:
    """Wrap what this version has of `STAGES` and `CONTAINERS`; gives the stages that were found."""
    found: set[str] = set()
    for is_container, table in ((False, STAGES), (True, CONTAINERS)):
        for stage, names in table.items():
            for name in names:
                if _wrap_function(clock, name, stage, is_container=is_container):
                    found.add(stage)
    return found


def wrap_engine_methods(clock: StageClock) -> None:
    """Have the methods that another engine computes counted, too: they take the place of a model's own."""
    try:
        colorizer = importlib.import_module("kinemacolor.models.base").Colorizer
        with_methods = colorizer.with_methods
    except (ImportError, AttributeError):
        return

    def with_counted_methods(model: Any, methods: dict[str, Callable[..., Any]]) -> Any:
        counted = {
            name: clock.wrap(method, METHOD_STAGES.get(name, "network, the rest"), is_container=True)
            for name, method in methods.items()
        }
        return with_methods(model, counted)

    colorizer.with_methods = with_counted_methods


def _wrap_function(clock: StageClock, name: str, stage: str, *, is_container: bool) -> bool:
    """Put a counted function into the place of another, wherever a module has it; False if this version has none."""
    module_name, _, path = name.partition(":")
    try:
        owner: Any = importlib.import_module(f"kinemacolor.{module_name}")
        *classes, last = path.split(".")
        for one in classes:
            owner = getattr(owner, one)
        function = vars(owner)[last]
    except (ImportError, AttributeError, KeyError):
        return False
    counted = clock.wrap(function, stage, is_container=is_container)
    for place in [owner, *(module for key, module in list(sys.modules.items()) if key.startswith("kinemacolor"))]:
        if vars(place).get(last) is function:
            setattr(place, last, counted)
    return True


def main(result: Path, words: list[str]) -> int:
    """Run a command and write the core-seconds of its stages; gives its exit code."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    prepare_quick_start()
    clock = StageClock()
    found = wrap_stages(clock)
    wrap_engine_methods(clock)
    imported = time.process_time()
    sys.argv = ["kinemacolor", *words]
    exit_code = 0
    try:
        runpy.run_module("kinemacolor", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        exit_code = int(ended.code or 0)
    whole = time.process_time()
    stages = {stage: clock.core_seconds[stage] for stage in STAGES if stage in found}
    rest = whole - imported - sum(stages.values())
    costs = {"whole": whole, "stages": {"imports": imported, **stages, "the rest": rest}}
    result.write_text(json.dumps(costs), encoding="utf-8")
    return exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

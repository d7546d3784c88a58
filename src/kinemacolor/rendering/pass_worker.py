"""Paints passes and encodes parts in a process of its own, on any machine that has the film and the references."""

import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import torch

from kinemacolor._version import __version__
from kinemacolor.errors import InputError, UsageError, WeightsError
from kinemacolor.inference.engines.choice import Runtime, choose_runtime
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.models.catalog import find_model
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.cache import WorkFolder
from kinemacolor.rendering.inference_pass import InferenceWorker
from kinemacolor.rendering.kept_luma import KeptLuma
from kinemacolor.rendering.part_encoding import PartEncoder
from kinemacolor.rendering.parts import FilmPart, PartSettings, PartStore
from kinemacolor.rendering.passes import InferencePass, build_shot_passes
from kinemacolor.rendering.renderer import RenderPlan, make_postprocessor
from kinemacolor.utils.stages import Stages
from kinemacolor.video.reader import probe_film
from kinemacolor.weights.manifest import weights_sha256
from kinemacolor.weights.registry import load_model


@dataclass(frozen=True)
class WorkerConfig:
    """What all workers of a render must know.

    ``reference_digests``: as `InferenceWorker` takes them. ``probe``: a file in ``work``; a worker that finds it shares
    that folder; None: all run on the machine of the render. ``film_bytes``: the size of the film's file, None for a
    folder of pictures. ``runtime``: what all paint with. ``kept_luma``: as `InferenceWorker` takes it. ``parts``: how
    parts of the film are encoded, None where they are not.
    """

    plan: Plan
    reference_digests: Mapping[Path, str]
    work: Path
    probe: str | None
    threads: int
    film_bytes: int | None
    runtime: Runtime
    kept_luma: KeptLuma | None = None
    parts: PartSettings | None = None
    version: str = __version__

    @classmethod
    def for_render_plan(cls, render_plan: RenderPlan, probe: str | None = None) -> Self:
        """Tell workers what a render plan wants, each with the threads that this process would paint with."""
        film = render_plan.plan.film.path
        return cls(
            render_plan.plan,
            render_plan.reference_digests,
            render_plan.work.folder.resolve(),
            probe,
            render_plan.work.torch_threads,
            film.stat().st_size if film.is_file() else None,
            render_plan.work.runtime,
            render_plan.kept_luma if probe is None else None,
            render_plan.parts,
        )


class Worker:
    """Writes segments and parts into the work folder, segments into a temporary one if it does not share that."""

    def configure(self, config: WorkerConfig) -> bool:
        """Check this machine and load the model; gives whether the work folder is shared.

        Raises InputError, WeightsError or UsageError where film, references, weights or version are not the plan's, and
        UsageError where engine or device are not here.
        """
        if config.probe is not None:  # else this is the machine that made the plan
            _check_environment(config)
        torch.set_num_threads(config.threads)
        cv2.setNumThreads(config.threads)
        self._shares_folder = config.probe is None or (config.work / config.probe).is_file()
        folder = config.work if self._shares_folder else Path(tempfile.mkdtemp(prefix="kinemacolor-"))
        self._config = config
        self._part_encoder: PartEncoder | None = None
        self._model = model = load_model(config.plan.model)
        self._work = WorkFolder(folder, config.runtime)
        self._inference_worker = InferenceWorker(
            config.plan.film,
            model,
            self._work,
            config.reference_digests,
            device=config.runtime.device,
            kept_luma=config.kept_luma,
            encodes_ahead=False,
        )
        return self._shares_folder

    def paint_pass(self, inference_pass: InferencePass, files: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
        """Run the rest of a pass, after the segments that the shared work folder, or else ``files``, has.

        Gives `PassFolder.export_files` after each segment, empty if the folder is shared. Raises as
        `InferenceWorker.ensure_segment`.
        """
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        folder.import_files(files)
        while not folder.is_complete:
            missing = folder.segment_count
            self._inference_worker.ensure_segment(inference_pass, missing)
            yield {} if self._shares_folder else folder.export_files(missing)
        if not self._shares_folder:
            shutil.rmtree(folder.folder)

    def encode_part(self, part: FilmPart) -> bool:
        """Encode a part of the film, whose passes are all in the shared work folder; gives True, as `configure`.

        What of them is found to be damaged is painted again. Raises as `PartEncoder.encode_part`.
        """
        if self._part_encoder is None:
            self._part_encoder = self._make_part_encoder()
        with Stages() as stages:
            self._part_encoder.encode_part(part, stages)
        self._inference_worker.finish()
        return self._shares_folder

    def _make_part_encoder(self) -> PartEncoder:
        config, plan = self._config, self._config.plan
        if config.parts is None:
            raise ValueError("this render has no parts")
        info, shot_passes = (
            probe_film(plan.film.path, plan.film.gaps),
            build_shot_passes(plan, config.reference_digests),
        )
        postprocessors = [make_postprocessor(one, info, self._model, config.runtime.device) for one in shot_passes]
        store = PartStore(config.work)
        return PartEncoder(plan.film, info, config.parts, shot_passes, postprocessors, self._open_segment, store)

    def _open_segment(self, inference_pass: InferencePass, segment: int) -> Iterator[ColorPrediction]:
        """Open a segment, which another worker may have painted."""
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        if not folder.has_segment(segment):
            folder.reload_journal()
        return self._inference_worker.open_segment(inference_pass, segment)


def _check_environment(config: WorkerConfig) -> None:
    """Raise an error where version, weights, engine, film or references differ from those of the render."""
    plan, host = config.plan, platform.node()
    if config.version != __version__:
        raise UsageError(f"{host} has kinemacolor {__version__}, wanted {config.version}: install one everywhere")
    if weights_sha256(plan.model) != plan.weights:
        raise WeightsError(f"{host} has other weights of {plan.model} than the plan: import the same everywhere")
    try:
        choose_runtime(*config.runtime, find_model(plan.model).spec, plan.options.precision)
    except UsageError as problem:
        raise UsageError(f"{host} cannot paint: {problem}") from problem
    film = plan.film.path
    for path in (film, *config.reference_digests):
        if not path.exists():
            raise InputError(f"{host} does not see {path}: put film and references where all machines see them")
    if config.film_bytes is not None and film.stat().st_size != config.film_bytes:
        raise InputError(f"{film} is another film on {host}: put film and references where all machines see them")

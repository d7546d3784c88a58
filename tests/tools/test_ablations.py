"""The recipes of the ablations differ in what they leave out, and in nothing else."""

from pathlib import Path

from kinemacolor.training.recipe_file import find_differing_keys, read_recipe, recipe_to_dict

FOLDER = Path(__file__).parents[2] / "tools/ablations"


def test_each_recipe_leaves_one_thing_out() -> None:
    full = recipe_to_dict(read_recipe(FOLDER / "full.toml"))
    others = {path.stem: read_recipe(path) for path in sorted(FOLDER.glob("without-*.toml"))}
    assert list(others) == [f"without-{part}" for part in ("context", "fine", "history", "other-scenes", "prior")]
    for name, recipe in others.items():
        changed = find_differing_keys(full, recipe_to_dict(recipe))
        part = name.removeprefix("without-")
        if part == "other-scenes":
            assert changed == ["clips.kinds"]
            assert not {"similar", "wrong"} & recipe.clips.kinds.keys()
        else:
            assert changed == ["model.options"]
            assert recipe.model.options == {"without": [part]}

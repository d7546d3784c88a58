"""The catalog is what the networks are, and naming a model loads none of them."""

import subprocess
import sys

import pytest

from kinemacolor.errors import UsageError
from kinemacolor.models.catalog import MODEL_CATALOG, find_model, list_models
from kinemacolor.weights.registry import MODELS, make_meta_model


@pytest.mark.parametrize("name", list_models())
def test_the_catalog_says_what_the_network_is(name: str) -> None:
    entry, model = MODEL_CATALOG[name], make_meta_model(name)
    assert MODELS[name] is entry.load_class() is type(model)
    assert model.spec == entry.spec
    assert entry.spec.name == name
    counts = {
        part: sum(parameter.numel() for parameter in model.get_submodule(path).parameters())
        for part, path in model.parts.items()
    }
    assert counts == dict(entry.part_parameters)
    assert entry.parameters == sum(parameter.numel() for parameter in model.parameters())


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(UsageError, match="no model 'kin': choose one of color2embed, deep-exemplar, kinema, long-term"):
        find_model("kin")


@pytest.mark.parametrize(
    "module",
    [
        "models.catalog",
        "plan.document",
        "plan.planner",
        "references.spec",
        "shots.files",
        "verification.verify",
        "web.requests",
    ],
)
def test_who_only_names_things_loads_no_torch(module: str) -> None:
    code = f"import sys, kinemacolor.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

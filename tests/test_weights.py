from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.weights import MODELS, check_weights, describe_models, load_model, manifest


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_loads_offline_and_ready(name: str) -> None:
    model = load_model(name)
    assert model.spec.name == name
    assert not model.training
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_every_model_tells_where_its_weights_come_from() -> None:
    for row in describe_models():
        assert row["licence"]
        assert row["provenance"]
        assert isinstance(row["parameters"], int)


def test_missing_and_changed_weights_are_refused(tmp_path: Path) -> None:
    entry = manifest()["kinema"]
    with pytest.raises(WeightsError, match="missing") as caught:
        check_weights(tmp_path / "none", entry)
    assert caught.value.exit_code == 4
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"other")
    with pytest.raises(WeightsError, match="damaged"):
        check_weights(other, entry)


def test_weights_of_another_model_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(MODELS["kinema"]):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.more = torch.nn.Linear(1, 1)

    monkeypatch.setitem(MODELS, "kinema", Other)
    with pytest.raises(WeightsError, match="does not fit"):
        load_model("kinema")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="kinema"):
        load_model("nonsense")


def test_a_wrong_checksum_stops_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {name: replace(entry, sha256="0" * 64) for name, entry in manifest().items()}
    monkeypatch.setattr("kinemacolor.weights.manifest", lambda: wrong)
    with pytest.raises(WeightsError, match="sha256"):
        load_model("kinema")

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kinemacolor.cli.main import run
from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.weights.import_export import export_weights, import_weights
from kinemacolor.weights.manifest import check_weights, describe_models, package_manifest, stored_parts, verify_weights
from kinemacolor.weights.misfit import explain_misfit
from kinemacolor.weights.registry import MODELS, WeightsNotice, load_model, make_meta_model, make_meta_parts
from kinemacolor.weights.store import user_file, user_folder, user_manifest
from support.films import TinyEmbed

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a small model whose weights do not ship."""
    monkeypatch.setitem(MODELS, "color2embed", TinyEmbed)
    return "color2embed"


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    """The file of weights of kinema that the user imported."""
    import_weights("kinema", export_weights("kinema", tmp_path))
    return user_file("kinema")


@pytest.mark.filterwarnings("ignore::kinemacolor.weights.registry.WeightsNotice")
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
    entry = package_manifest()["kinema"]
    with pytest.raises(WeightsError, match="missing") as caught:
        check_weights(tmp_path / "none", entry)
    assert caught.value.exit_code == 4
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"other")
    with pytest.raises(WeightsError, match="damaged"):
        check_weights(other, entry)


def test_weights_of_another_model_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(MODELS["kinema"]):  # type: ignore[misc]
        def __init__(self, options: object) -> None:
            super().__init__(options)
            self.more = torch.nn.Linear(1, 1)

    monkeypatch.setitem(MODELS, "kinema", Other)
    with pytest.raises(WeightsError, match=r"does not fit kinema, 2 missing \(more\.weight; more\.bias\): install"):
        load_model("kinema")


def test_weights_of_the_first_form_are_refused_with_words(tmp_path: Path) -> None:
    """In a user's folder, as a file to import, and as the beginning of training."""
    old = {name: torch.zeros(1) for name in ("kind.sharpness", "describe.weight", "features._bn0.weight")}
    save_file(old, tmp_path / "old.safetensors")
    with pytest.raises(WeightsError, match="weights of the first form of kinema, which is no more: take newer ones"):
        import_weights("kinema", [tmp_path / "old.safetensors"])
    assert explain_misfit(old, make_meta_parts()["kinema"]).startswith("they are of the first form of kinema")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="kinema"):
        load_model("nonsense")


def test_a_wrong_checksum_stops_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {name: replace(entry, sha256="0" * 64) for name, entry in package_manifest().items()}
    monkeypatch.setattr("kinemacolor.weights.manifest.package_manifest", lambda: wrong)
    with pytest.raises(WeightsError, match="sha256"):
        load_model("kinema")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_parts_of_a_model_are_all_of_it_and_have_rows(name: str) -> None:
    model = make_meta_model(name)
    inside = [
        key for path in model.parts.values() for key in model.get_submodule(path).state_dict(prefix=path and f"{path}.")
    ]
    assert sorted(inside) == sorted(model.state_dict())
    assert all(tensor.is_meta for tensor in model.state_dict().values())
    assert model.parts.keys() <= package_manifest().keys()


def test_untrained_weights_are_always_the_same_and_are_shouted_about(tiny: str) -> None:
    before = torch.get_rng_state()
    with pytest.warns(WeightsNotice, match="color2embed-encoder, color2embed-unet are UNTRAINED") as caught:
        first = load_model(tiny)
    assert caught[0].filename == __file__
    assert torch.equal(torch.get_rng_state(), before)
    assert first.notices == (str(caught[0].message),)
    torch.rand(1)
    with pytest.warns(WeightsNotice):
        second = load_model(tiny)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_trained_weights_need_no_notice(recwarn: pytest.WarningsRecorder) -> None:
    assert load_model("kinema").notices == ()
    assert not recwarn


def test_weights_that_are_not_for_business_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    private = package_manifest() | {"kinema": replace(package_manifest()["kinema"], non_commercial=True)}
    monkeypatch.setattr("kinemacolor.weights.manifest.package_manifest", lambda: private)
    with pytest.warns(WeightsNotice, match=r"kinema: kinema \(Apache-2.0\): for non-commercial use only"):
        assert len(load_model("kinema").notices) == 1


def test_the_user_s_weights_come_first_and_may_go_again(imported: Path, home: Path) -> None:
    assert imported.parent == home / "weights"
    assert [part.state for part in stored_parts("kinema")] == ["imported"]
    load_model("kinema")
    imported.unlink()
    assert [part.state for part in stored_parts("kinema")] == ["built in"]
    load_model("kinema")


def test_damaged_imports_are_found(
    imported: Path, film: Path, reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "verify"]) == 0
    content = bytearray(imported.read_bytes())
    content[-1] ^= 1
    imported.write_bytes(content)
    with pytest.raises(WeightsError, match="import them again"):
        load_model("kinema")
    assert run([str(film), "-r", str(reference), "--size", "64"]) == 4
    capsys.readouterr()
    assert run(["models", "verify", "kinema", "--json"]) == 4
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["damaged"]
    assert run(["models", "verify", "color2embed"]) == 0
    assert run(["doctor"]) == 2
    assert "FAIL model kinema" in capsys.readouterr().out


def test_a_damaged_manifest_says_what_to_do(imported: Path) -> None:
    for text in ("{", "[]", "3", '{"what": 1}'):
        (user_folder() / "weights" / "kinema.json").write_text(text)
        with pytest.raises(WeightsError, match=r"kinema\.json cannot be read.*delete it"):
            load_model("kinema")


def test_options_that_a_model_does_not_know_are_refused(imported: Path) -> None:
    path = user_folder() / "weights" / "kinema.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"options": {"vgg": "caffe"}}))
    with pytest.raises(WeightsError, match="unknown options"):
        load_model("kinema")


def test_the_user_s_folder_is_where_the_system_or_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    assert user_folder() == home
    monkeypatch.delenv("KINEMACOLOR_HOME")
    assert user_folder().name == "kinemacolor"
    assert user_folder() != home


def test_nothing_is_imported_at_first() -> None:
    assert user_manifest() == {}
    assert {check.state for check in verify_weights("kinema")} == {"ok"}
    assert {check.state for check in verify_weights("deep-exemplar")} == {"missing"}


def test_list_and_info_tell_the_state(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list"]) == 0
    listed = capsys.readouterr().out
    assert "built in" in listed
    assert "untrained" in listed
    assert run(["models", "info", tiny]) == 0
    assert "github.com/zhaohengyuan1" in capsys.readouterr().out
    assert run(["models", "info", "kinema", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["weights"] == "built in"
    assert about["parameters"] == sum(part["parameters"] for part in about["parts"])
    assert run(["models", "info", "nonsense"]) == 2


def test_the_command_line_says_a_notice_once_and_plainly(
    tiny: str, film: Path, reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(film), "-r", str(reference), "--model", tiny, "--size", "64", "--quiet"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "UNTRAINED" in line]
    assert len(lines) == 1
    assert lines[0].startswith("kinemacolor: color2embed: ")
    assert "WeightsNotice" not in "".join(lines)


def test_the_verbs_of_models_load_no_torch_for_help() -> None:
    code = (
        "import sys, kinemacolor.cli.main\n"
        "assert kinemacolor.cli.main.run(['models', 'import', '--help']) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0

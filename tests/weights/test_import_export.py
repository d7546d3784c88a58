"""Published files in, our files out, and back; with networks a sixteenth as wide."""

import argparse
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinemacolor.cli.main import run
from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.models.base import Colorizer
from kinemacolor.models.color2embed import (
    official_encoder_names,
    official_unet_names,
)
from kinemacolor.models.deep_exemplar import (
    DeepExemplar,
    DeepExemplarOptions,
    official_colorization_names,
    official_correspondence_names,
)
from kinemacolor.nn.backbones import ResNet101, vgg19_layer_indices
from kinemacolor.weights.import_export import export_weights, import_weights
from kinemacolor.weights.manifest import describe_model, package_manifest, stored_parts
from kinemacolor.weights.registry import MODELS, load_model
from kinemacolor.weights.store import user_file, user_folder
from support.archives import packed
from support.films import TinyEmbed

TensorDict = dict[str, Tensor]
NORMALISED = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45)  # as in vgg_normalized.pth, to conv5_2

pytestmark = pytest.mark.filterwarnings("ignore::kinemacolor.weights.registry.WeightsNotice")


@dataclass(frozen=True)
class TinyExemplarOptions(DeepExemplarOptions):
    width: float = 1 / 16


class TinyExemplar(DeepExemplar):
    options_type = TinyExemplarOptions


@pytest.fixture(autouse=True)
def small(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models."""
    monkeypatch.setitem(MODELS, "deep-exemplar", TinyExemplar)
    monkeypatch.setitem(MODELS, "color2embed", TinyEmbed)


def random_like(tensors: TensorDict) -> TensorDict:
    return {key: torch.rand(x.shape) if x.is_floating_point() else x + 3 for key, x in tensors.items()}


def renamed(tensors: TensorDict, names: dict[str, str]) -> TensorDict:
    """Tensors under the authors' names of their modules."""
    parts = {key: key.rpartition(".") for key in tensors}
    return {f"{names[module]}.{leaf}": tensors[key] for key, (module, _, leaf) in parts.items()}


def truth(name: str) -> dict[str, TensorDict]:
    """Numbers for every part of a model."""
    model = MODELS[name](MODELS[name].options_type())
    return {part: random_like(model.get_submodule(path).state_dict()) for part, path in model.parts.items()}


def published(name: str, parts: dict[str, TensorDict]) -> dict[str, object]:
    """What the authors' files hold, by file name, with all that they have too much."""
    if name == "color2embed":
        encoder = renamed(parts["color2embed-encoder"], official_encoder_names())
        encoder |= {key.replace("vgg_feature", "vgg_model.features"): x for key, x in encoder.items() if "vgg" in key}
        encoder |= {"vgg.vgg_feature.32.weight": torch.ones(1), "vgg.vgg_model.classifier.0.weight": torch.ones(1)}
        unet = renamed(parts["color2embed-unet"], official_unet_names())
        rest = {"g_optim": {"state": {0: {"step": 1}}}, "args": argparse.Namespace(lr=1e-4)}
        return {"072000.pt": {"colorEncoder": encoder, "colorUNet": unet} | rest}
    correspondence = renamed(parts["deep-exemplar-correspondence"], official_correspondence_names())
    return {
        "vgg19_conv.pth": parts["vgg19"] | {"conv5_3.weight": torch.ones(1), "conv5_4.bias": torch.ones(1)},
        "nonlocal_net_iter_76000.pth": {f"module.{key}": x for key, x in correspondence.items()},
        "colornet_iter_76000.pth": renamed(parts["deep-exemplar-colorization"], official_colorization_names()),
    }


def save(folder: Path, files: dict[str, object]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        torch.save(content, folder / name)
    return [folder / name for name in files]


def assert_loaded(name: str, parts: dict[str, TensorDict]) -> Colorizer:
    model = load_model(name)
    for part, tensors in parts.items():
        found = model.get_submodule(model.parts[part]).state_dict()
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[key], tensors[key]) for key in tensors), part
    return model


def nothing_is_stored() -> bool:
    return not [path for path in user_folder().rglob("*") if path.is_file()]


both = pytest.mark.parametrize("name", ["deep-exemplar", "color2embed"])


@both
def test_published_files_become_a_model_and_come_out_the_same(name: str, tmp_path: Path) -> None:
    parts = truth(name)
    stored = import_weights(name, save(tmp_path / "in", published(name, parts)))
    assert [part.name for part in stored] == list(parts)
    assert not assert_loaded(name, parts).notices
    first = export_weights(name, tmp_path / "official", official=True)
    exported = {path.name: torch.load(path, weights_only=True) for path in first}
    if name == "color2embed":
        assert exported["color2embed.pt"].keys() == {"colorEncoder", "colorUNet"}
    else:
        assert set(exported) == {"vgg19_conv.pth", "nonlocal_net.pth", "colornet.pth"}
        assert exported["colornet.pth"].keys() == published(name, parts)["colornet_iter_76000.pth"].keys()
    for path in user_folder().rglob("*.*"):
        path.unlink()
    import_weights(name, first)
    assert_loaded(name, parts)


@both
def test_our_own_file_comes_back_the_same(name: str, tmp_path: Path) -> None:
    parts = truth(name)
    import_weights(name, save(tmp_path / "in", published(name, parts)))
    (whole,) = export_weights(name, tmp_path / "whole.safetensors")
    assert load_file(whole).keys() == load_model(name).state_dict().keys()
    rows = [replace(part.entry, source=None, source_sha256=None) for part in stored_parts(name)]
    for path in user_folder().rglob("*.*"):
        path.unlink()
    import_weights(name, [whole])
    assert_loaded(name, parts)
    assert [replace(part.entry, source=None, source_sha256=None) for part in stored_parts(name)] == rows


@pytest.mark.parametrize("variant", ["caffe", "torchvision", "normalised"])
def test_every_vgg19_brings_its_variant_there_and_back(variant: str, tmp_path: Path) -> None:
    parts = truth("deep-exemplar")
    files = published("deep-exemplar", parts)
    layers = list(vgg19_layer_indices())[:14]
    if variant == "torchvision":
        files["vgg19_conv.pth"] = renamed(
            parts["vgg19"], {k: f"features.{v}" for k, v in vgg19_layer_indices().items()}
        )
        files["vgg19_conv.pth"] |= {"features.34.bias": torch.ones(1), "classifier.6.bias": torch.ones(1)}
    elif variant == "normalised":
        files["vgg19_conv.pth"] = renamed(parts["vgg19"], dict(zip(layers, map(str, NORMALISED), strict=True)))
        files["vgg19_conv.pth"] |= {
            "0.weight": torch.ones(3, 3, 1, 1),
            "48.weight": torch.ones(1),
            "51.bias": torch.ones(1),
        }
    import_weights("deep-exemplar", save(tmp_path / "in", files))
    assert assert_loaded("deep-exemplar", parts).options.vgg == variant
    for official in (True, False):
        exported = export_weights("deep-exemplar", tmp_path / f"out-{official}", official=official)
        import_weights("deep-exemplar", exported)
        assert assert_loaded("deep-exemplar", parts).options.vgg == variant
    assert load_model("deep-exemplar", temperature=0.5).options.vgg == variant


def test_a_model_registered_with_resnet101_takes_torchvision_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Options:
        width: float = 1 / 16

    class WithResNet(MODELS["kinema"]):  # type: ignore[misc]
        parts = {"resnet101": "backbone"}  # noqa: RUF012
        options_type = Options

        def __init__(self, options: Options) -> None:
            torch.nn.Module.__init__(self)
            self.backbone = ResNet101(width=options.width)

    monkeypatch.setitem(MODELS, "long-term", WithResNet)
    parts = truth("long-term")
    file = parts["resnet101"] | {f"layer3.{n}.conv1.weight": torch.ones(1) for n in range(19, 23)}
    file |= {"layer4.0.bn1.bias": torch.ones(1), "fc.weight": torch.ones(1), "bn1.num_batches_tracked": torch.ones(())}
    import_weights("long-term", save(tmp_path, {"resnet101-63fe2227.pth": file}))
    assert_loaded("long-term", parts)
    (deeper,) = save(tmp_path, {"resnet152.pth": file | {"layer2.4.conv1.weight": torch.ones(1)}})
    with pytest.raises(WeightsError, match=r"1 left over \(layer2\.4\.conv1\.weight\)"):
        import_weights("long-term", [deeper])


def drop(key: str, tensors: TensorDict) -> TensorDict:
    return {name: x for name, x in tensors.items() if name != key}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (partial(drop, "conv1_2.bias"), r"colorization net, but 1 missing \(conv1_2\.bias\)"),
        (lambda t: t | {"conv99.weight": torch.ones(1)}, r"1 left over \(conv99\.weight\)"),
        (
            lambda t: t | {"conv1_2.bias": torch.ones(99)},
            r"1 of a wrong shape \(conv1_2\.bias is \[99\], wanted \[4\]\)",
        ),
        (lambda t: {k: x for k, x in t.items() if "conv2" not in k}, r"missing \(conv2.*; conv2.*; conv2.*; …\)"),
        (lambda t: {"weird": torch.ones(1)}, r"colornet\.pth is of no known model \(weird, …\): wanted .*VGG19"),
        (lambda t: [1, 2], "no known model"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[TensorDict], object], words: str, tmp_path: Path) -> None:
    files = published("deep-exemplar", truth("deep-exemplar"))
    (path,) = save(tmp_path, {"colornet.pth": change(files["colornet_iter_76000.pth"])})  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=words):
        import_weights("deep-exemplar", [path])
    assert nothing_is_stored()


def test_old_files_without_counters_and_in_half_precision_serve(tmp_path: Path) -> None:
    parts = truth("color2embed")
    (file,) = published("color2embed", parts).values()
    assert isinstance(file, dict)
    file["colorUNet"] = {k: x.half() for k, x in file["colorUNet"].items() if "num_batches" not in k}
    import_weights("color2embed", save(tmp_path, {"old.pt": file}))
    unet = load_model("color2embed").get_submodule("unet").state_dict()
    assert unet["inlet.1.num_batches_tracked"] == 0
    assert unet["inlet.0.weight"].dtype == torch.float32


def test_nothing_is_stored_when_one_file_of_several_fails(tmp_path: Path, home: Path) -> None:
    files = save(tmp_path / "in", published("deep-exemplar", truth("deep-exemplar")))
    files[-1].write_bytes(files[-1].read_bytes()[:2000])
    with pytest.raises(WeightsError, match=r"colornet_iter_76000\.pth is cut off"):
        import_weights("deep-exemplar", files)
    assert nothing_is_stored()
    assert not list((home / "weights").iterdir())


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth is no file"):
        import_weights("deep-exemplar", [tmp_path / "none.pth"])
    assert nothing_is_stored()


def test_a_file_of_another_model_says_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *_, colornet = save(tmp_path, published("deep-exemplar", truth("deep-exemplar")))
    assert run(["models", "import", "color2embed", str(colornet)]) == 4
    message = capsys.readouterr().err
    assert "is Deep Exemplar's colorization net, color2embed has no such part" in message
    assert f"kinemacolor models import deep-exemplar {colornet}" in message


@pytest.mark.parametrize("archive", ["release.zip", "sdist-1.0.tar.gz", "wheel.whl"])
def test_archives_are_looked_through_and_write_nowhere_else(archive: str, tmp_path: Path) -> None:
    parts = truth("deep-exemplar")
    files = save(tmp_path / "in", published("deep-exemplar", parts))
    inside = {f"../../{path.name}": path.read_bytes() for path in files}
    gray = dict.fromkeys(parts["vgg19"], torch.zeros(1))
    (other,) = save(tmp_path / "more", {"vgg19_gray.pth": parts["vgg19"]})
    (decoder,) = save(
        tmp_path / "more", {"discriminator.pth": {"layer.weight": torch.ones(1)} | dict(list(gray.items())[:1])}
    )
    inside |= {"data/vgg19_gray.pth": other.read_bytes(), "discriminator.pth": decoder.read_bytes()}
    inside |= {"__MACOSX/._colornet.pth": b"junk", "README.md": b"hello"}
    (tmp_path / "deep" / "er").mkdir(parents=True)
    before = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    stored = import_weights("deep-exemplar", [packed(tmp_path / "deep" / "er" / archive, inside)])
    assert stored[0].entry.source == f"vgg19_conv.pth in {archive}"
    assert_loaded("deep-exemplar", parts)
    after = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    assert after - before == {tmp_path / "deep" / "er" / archive}
    names = [user_file(part).name for part in parts] + [f"{part}.json" for part in parts]
    assert sorted(path.name for path in user_folder().rglob("*") if path.is_file()) == sorted(names)


def test_archives_without_or_with_two_of_a_part_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="archive without checkpoints"):
        import_weights("deep-exemplar", [packed(tmp_path / "empty.zip", {"README": b""})])
    (file,) = save(tmp_path, {"one.pth": truth("deep-exemplar")["vgg19"]})
    twice = packed(tmp_path / "twice.zip", {"one.pth": file.read_bytes(), "two.pth": file.read_bytes()})
    with pytest.raises(WeightsError, match=r"vgg19 is in one\.pth in twice\.zip and in two\.pth in twice\.zip"):
        import_weights("deep-exemplar", [twice])
    assert nothing_is_stored()


# Fetching.


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *what: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    http = HTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", folder
    http.shutdown()
    thread.join()
    http.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, name: str, *urls: str) -> None:
    """Let the manifest give these addresses for the parts of a model."""
    changed = package_manifest() | {
        part: replace(package_manifest()[part], url=list(urls)) for part in MODELS[name].parts
    }
    monkeypatch.setattr("kinemacolor.weights.manifest.package_manifest", lambda: changed)


def test_missing_parts_are_fetched_and_their_hash_is_checked(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address, folder = server
    parts = truth("deep-exemplar")
    files = save(tmp_path / "in", published("deep-exemplar", parts))
    release = packed(folder / "release.zip", {path.name: path.read_bytes() for path in files[1:]})
    vgg19 = packed(folder / "vgg.zip", {files[0].name: files[0].read_bytes()})
    digest = hashlib.sha256(release.read_bytes()).hexdigest()
    second = f"file://{vgg19}"
    point_to(monkeypatch, "deep-exemplar", f"{address}/release.zip#sha256={'0' * 8}", second)
    assert run(["models", "import", "deep-exemplar"]) == 4
    told = capsys.readouterr().err
    assert "is not the published file" in told
    assert "\\n" not in told
    assert nothing_is_stored()
    point_to(monkeypatch, "deep-exemplar", f"{address}/release.zip#sha256={digest[:8]}", second)
    assert run(["models", "import", "deep-exemplar"]) == 0
    assert_loaded("deep-exemplar", parts)
    assert run(["models", "import", "deep-exemplar"]) == 0
    assert "has all its weights" in capsys.readouterr().err


def test_what_cannot_be_fetched_says_how_to_get_it(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        WeightsError, match=r"no address is known.*github\.com/zhaohengyuan1.*models import color2embed"
    ):
        import_weights("color2embed")
    with pytest.raises(WeightsError, match=r"404.*by hand"):
        import_weights("color2embed", [f"{server[0]}/none.pt"])
    for url in ("http://example.invalid/x.pt", "ftp://example.invalid/x.pt", "http://127.0.0.1@example.invalid/x.pt"):
        with pytest.raises(UsageError, match="only https"):
            import_weights("color2embed", [url])
    assert nothing_is_stored()


# Export.


def test_export_refuses_to_overwrite_and_what_is_untrained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "export", "color2embed", str(tmp_path)]) == 4
    assert "color2embed-unet untrained" in capsys.readouterr().err
    import_weights("color2embed", save(tmp_path / "in", published("color2embed", truth("color2embed"))))
    for more in ([], ["--official"]):
        assert run(["models", "export", "color2embed", str(tmp_path / "out"), *more]) == 0
        assert run(["models", "export", "color2embed", str(tmp_path / "out"), *more]) == 2
        assert run(["models", "export", "color2embed", str(tmp_path / "out"), *more, "--overwrite"]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["color2embed.pt", "color2embed.safetensors"]
    assert run(["models", "export", "kinema", str(tmp_path / "k.safetensors")]) == 0
    assert run(["models", "export", "kinema", str(tmp_path), "--official"]) == 2
    assert run(["models", "export", "nonsense", str(tmp_path)]) == 2
    (tmp_path / "file").touch()
    assert run(["models", "export", "kinema", str(tmp_path / "file" / "in")]) == 6


def test_own_files_that_tell_nonsense_are_refused(tmp_path: Path) -> None:
    (whole,) = export_weights("kinema", tmp_path)
    row = {"licence": "x", "provenance": "x", "trained_on": "x", "non_commercial": False, "options": {}}
    for told in ("{", '{"kinema": {}}', json.dumps({"kinema": row | {"options": {"radius": "999"}}})):
        save_file(load_file(whole), whole, {"parts": told})
        with pytest.raises(WeightsError, match=r"kinema\.safetensors"):
            import_weights("kinema", [whole])
    assert nothing_is_stored()
    save_file(load_file(whole), whole, {"parts": json.dumps({"kinema": row})})
    assert import_weights("kinema", [whole])[0].entry.licence == "x"
    assert user_file("kinema").is_file()
    assert [part.state for part in stored_parts("kinema")] == ["imported"]
    load_model("kinema")


def test_an_int8_file_is_a_quarter_as_large_and_says_what_training_chose(tmp_path: Path) -> None:
    parts = truth("color2embed")
    import_weights("color2embed", save(tmp_path, published("color2embed", parts)))
    (whole,), (small,) = (
        export_weights("color2embed", tmp_path / name, int8=int8) for name, int8 in (("a", False), ("b", True))
    )
    assert small.stat().st_size < 0.4 * whole.stat().st_size  # of so few channels many bytes are names
    with safe_open(small, "pt") as opened:
        rows = json.loads(opened.metadata()["parts"])
    rows["color2embed-unet"]["options"] = {"short_side": 128}
    save_file(load_file(small), small, {"parts": json.dumps(rows)})
    import_weights("color2embed", [small])
    model = load_model("color2embed")
    assert model.spec.short_side == describe_model("color2embed")["short_side"] == 128
    kernel, wanted = model.unet.outlet[0].weight, parts["color2embed-unet"]["outlet.0.weight"]
    assert (kernel - wanted).abs().max() <= wanted.abs().max() / 200
    assert torch.equal(model.unet.outlet[0].bias, parts["color2embed-unet"]["outlet.0.bias"])
    for odd in ({"short_side": "128"}, {"nobody": 1}, [1], {"short_side": 12.5}):
        rows["color2embed-unet"]["options"] = odd
        save_file(load_file(small), small, {"parts": json.dumps(rows)})
        with pytest.raises(WeightsError, match="says of color2embed-unet what cannot be"):
            import_weights("color2embed", [small])


def test_a_damaged_member_of_an_archive_is_told_and_nothing_is_stored(tmp_path: Path) -> None:
    files = save(tmp_path / "in", published("deep-exemplar", truth("deep-exemplar")))
    inside = {path.name: path.read_bytes() for path in files}
    inside["colornet_iter_76000.pth"] = inside["colornet_iter_76000.pth"][:-200]
    with pytest.raises(WeightsError, match=r"colornet_iter_76000\.pth in release\.zip is"):
        import_weights("deep-exemplar", [packed(tmp_path / "release.zip", inside)])
    assert nothing_is_stored()


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    parts = truth("deep-exemplar")
    files = published("deep-exemplar", parts)
    first = next(iter(files["colornet_iter_76000.pth"]))
    files["colornet_iter_76000.pth"] = files["colornet_iter_76000.pth"] | {
        first: torch.full_like(files["colornet_iter_76000.pth"][first], torch.nan)
    }
    with pytest.raises(WeightsError, match=f"1 not finite.*{re.escape(first)}"):
        import_weights("deep-exemplar", save(tmp_path, files))
    assert nothing_is_stored()


def test_torchvisions_vgg19_has_its_own_licence(tmp_path: Path) -> None:
    parts = truth("deep-exemplar")
    placed = renamed(parts["vgg19"], {k: f"features.{v}" for k, v in vgg19_layer_indices().items()})
    (stored,) = import_weights("deep-exemplar", save(tmp_path, {"vgg19.pth": placed}))
    assert "torchvision" in stored.entry.licence


def test_an_address_that_fails_gives_way_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = save(tmp_path, {"vgg19_conv.pth": truth("deep-exemplar")["vgg19"]})
    urls = [(tmp_path / "none.zip").as_uri(), file.as_uri()]
    rows = {part: replace(row, url=urls if part == "vgg19" else None) for part, row in package_manifest().items()}
    for module in ("manifest", "import_export"):
        monkeypatch.setattr(f"kinemacolor.weights.{module}.package_manifest", lambda: rows)
    (stored,) = import_weights("deep-exemplar")
    assert stored.name == "vgg19"
    with pytest.raises(WeightsError, match="no address is known"):
        import_weights("color2embed")


def test_an_import_over_another_leaves_one_file_for_each_part(tmp_path: Path) -> None:
    files = save(tmp_path / "in", published("color2embed", truth("color2embed")))
    import_weights("color2embed", files)
    before = {user_file(part) for part in MODELS["color2embed"].parts}
    changed = {
        part: {k: v + v.new_tensor(1).div(1000).to(v) for k, v in of.items()}
        for part, of in truth("color2embed").items()
    }
    other = published("color2embed", changed)
    import_weights("color2embed", save(tmp_path / "more", other))
    after = {user_file(part) for part in MODELS["color2embed"].parts}
    assert not before & after
    assert set(user_folder().rglob("*.safetensors")) == after

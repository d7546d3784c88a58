"""Kinds of weight files, as data: which parts they fill, under which names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from kinemacolor.models.color2embed import official_encoder_names, official_unet_names
from kinemacolor.models.deep_exemplar import official_colorization_names, official_correspondence_names
from kinemacolor.nn.backbones import vgg19_layer_indices
from kinemacolor.weights.registry import MODELS

PartTensors = Mapping[str, Mapping[str, Tensor]]  # tensors by part and by our names
TORCHVISION_LICENCE = "BSD-3-Clause (torchvision)"


@dataclass(frozen=True)
class WeightsFormat:
    """One kind of file: for every part in it, our modules and their names there.

    ``file`` is what its authors call it, ``leftover`` a pattern of keys we have no use for, ``options``
    what a model with these weights needs, ``boxes`` the dictionaries that the keys lie in,
    ``licence`` that of the weights where it is not the manifest's.
    """

    name: str
    file_name: str
    modules: Mapping[str, Mapping[str, str]]
    ignored_keys: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    wrapper_keys: tuple[str, ...] = ()
    licence: str | None = None

    def key_in_file(self, part: str, own_key: str) -> str:
        """What a tensor of a part is called in the file."""
        module, _, leaf = own_key.rpartition(".")
        return f"{self.modules[part][module]}.{leaf}"


def published_formats(meta_parts: PartTensors) -> list[WeightsFormat]:
    """The files of other authors that fill parts of ``blank``."""
    places = vgg19_layer_indices()
    caffe = {"vgg19": {layer: layer for layer in places}}
    placed = {"vgg19": {layer: f"features.{place}" for layer, place in places.items()}}
    # a layer for the border before each; place 0 turns RGB into Caffe's BGR, which our VGG19 does itself
    normalised = {"vgg19": {layer: str(place + i + 2) for i, (layer, place) in enumerate(places.items())}}
    embed = {
        "color2embed-encoder": {ours: f"colorEncoder.{name}" for ours, name in official_encoder_names().items()},
        "color2embed-unet": {ours: f"colorUNet.{name}" for ours, name in official_unet_names().items()},
    }
    duplicated_keys = r"(colorEncoder\.vgg\.(vgg_model|vgg_feature\.3[24])|g_optim)\..*"
    nonlocal_net = {"deep-exemplar-correspondence": official_correspondence_names()}
    colornet = {"deep-exemplar-colorization": official_colorization_names()}
    resnet101 = {"resnet101": {module: module for module in _module_names(meta_parts.get("resnet101", ()))}}
    formats = [
        WeightsFormat("Caffe's VGG19", "vgg19_conv.pth", caffe, r"conv5_[34]\..*", {"vgg": "caffe"}),
        WeightsFormat(
            "torchvision's VGG19",
            "vgg19.pth",
            placed,
            r"(features\.3[24]|classifier)\..*",
            {"vgg": "torchvision"},
            licence=TORCHVISION_LICENCE,
        ),
        WeightsFormat("a normalised VGG19", "vgg_normalized.pth", normalised, r"(0|48|51)\..*", {"vgg": "normalised"}),
        WeightsFormat("Deep Exemplar's correspondence net", "nonlocal_net.pth", nonlocal_net),
        WeightsFormat("Deep Exemplar's colorization net", "colornet.pth", colornet),
        WeightsFormat("torchvision's ResNet-101", "resnet101.pth", resnet101, r"(layer3\.(19|2[0-2])|layer4|fc)\..*"),
        WeightsFormat(
            "Color2Embed's checkpoint",
            "color2embed.pt",
            embed,
            duplicated_keys,
            wrapper_keys=("colorEncoder", "colorUNet"),
        ),
    ]
    return [row for row in formats if row.modules.keys() <= meta_parts.keys()]


def own_format(name: str, meta_parts: PartTensors) -> WeightsFormat:
    """Our own file of a whole model: the keys of its state dict."""
    paths = {part: f"{path}." if path else "" for part, path in MODELS[name].parts.items()}
    modules = {
        part: {module: prefix + module for module in _module_names(meta_parts[part])} for part, prefix in paths.items()
    }
    return WeightsFormat(f"Kinemacolor's {name}", f"{name}.safetensors", modules)


def _module_names(tensors: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(key.rpartition(".")[0] for key in tensors))

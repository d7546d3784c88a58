"""The formats of weight files, as data: which parts of models they hold, under which names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from kinemacolor.models.color2embed import official_encoder_names, official_unet_names
from kinemacolor.models.deep_exemplar import official_colorization_names, official_correspondence_names
from kinemacolor.nn.backbones import vgg19_layer_indices
from kinemacolor.weights.registry import MODELS

PartTensors = Mapping[str, Mapping[str, Tensor]]  # tensors by part and by our name
TORCHVISION_LICENCE = "BSD-3-Clause (torchvision)"


@dataclass(frozen=True)
class WeightsFormat:
    """A format of weight files: for each part in it, our names of modules and their names in the file.

    ``file_name`` is the name that its authors gave the file, ``ignored_keys`` a pattern of keys that we do not use,
    ``options`` the options that a model needs with these weights, ``wrapper_keys`` the dictionaries in the file that
    hold the keys, ``licence`` the licence of the weights where it is not the manifest's.
    """

    name: str
    file_name: str
    modules: Mapping[str, Mapping[str, str]]
    ignored_keys: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    wrapper_keys: tuple[str, ...] = ()
    licence: str | None = None

    def key_in_file(self, part: str, own_key: str) -> str:
        """Return the name in the file of a tensor of a part, given our name."""
        module, _, leaf = own_key.rpartition(".")
        return f"{self.modules[part][module]}.{leaf}"


def published_formats(meta_parts: PartTensors) -> list[WeightsFormat]:
    """List the formats that other authors published, of which all parts are in ``meta_parts`` (`make_meta_parts`)."""
    indices = vgg19_layer_indices()
    caffe = {"vgg19": {layer: layer for layer in indices}}
    torchvision = {"vgg19": {layer: f"features.{index}" for layer, index in indices.items()}}
    # a padding layer precedes each convolution; layer 0 turns RGB into Caffe's BGR, which our VGG19 does itself
    normalised = {"vgg19": {layer: str(index + i + 2) for i, (layer, index) in enumerate(indices.items())}}
    embed = {
        "color2embed-encoder": {ours: f"colorEncoder.{name}" for ours, name in official_encoder_names().items()},
        "color2embed-unet": {ours: f"colorUNet.{name}" for ours, name in official_unet_names().items()},
    }
    duplicated_keys = r"(colorEncoder\.vgg\.(vgg_model|vgg_feature\.3[24])|g_optim)\..*"
    nonlocal_net = {"deep-exemplar-correspondence": official_correspondence_names()}
    colornet = {"deep-exemplar-colorization": official_colorization_names()}
    resnet101, resnet50 = (
        {part: {module: module for module in _module_names(meta_parts.get(part, ()))}}
        for part in ("resnet101", "resnet50")
    )
    formats = [
        WeightsFormat("Caffe's VGG19", "vgg19_conv.pth", caffe, r"conv5_[34]\..*", {"vgg": "caffe"}),
        WeightsFormat(
            "torchvision's VGG19",
            "vgg19.pth",
            torchvision,
            r"(features\.3[24]|classifier)\..*",
            {"vgg": "torchvision"},
            licence=TORCHVISION_LICENCE,
        ),
        WeightsFormat("a normalised VGG19", "vgg_normalized.pth", normalised, r"(0|48|51)\..*", {"vgg": "normalised"}),
        WeightsFormat("Deep Exemplar's correspondence net", "nonlocal_net.pth", nonlocal_net),
        WeightsFormat("Deep Exemplar's colorization net", "colornet.pth", colornet),
        WeightsFormat("torchvision's ResNet-101", "resnet101.pth", resnet101, r"(layer3\.(19|2[0-2])|layer4|fc)\..*"),
        WeightsFormat("Caffe's ResNet-50", "resnet50.pth", resnet50),
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
    """Return our own format of a whole model, whose names are those of its state dict."""
    paths = {part: f"{path}." if path else "" for part, path in MODELS[name].parts.items()}
    modules = {
        part: {module: prefix + module for module in _module_names(meta_parts[part])} for part, prefix in paths.items()
    }
    return WeightsFormat(f"Kinemacolor's {name}", f"{name}.safetensors", modules)


def _module_names(tensors: Iterable[str]) -> list[str]:
    """List the modules that tensors of these names belong to, each once."""
    return list(dict.fromkeys(key.rpartition(".")[0] for key in tensors))

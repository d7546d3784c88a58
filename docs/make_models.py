"""Draws the figures of docs/models.md and fills its table: parameters and GFLOP are counted, not typed.

python docs/make_models.py
"""

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from kinemacolor.benchmark.flops import compute_model_cost
from kinemacolor.models.base import Colorizer
from kinemacolor.weights.registry import MODELS, make_meta_model

DOCS = Path(__file__).parent
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 184, 58, 46, 26, 16
PALE = {"input": "#eef2f7", "network": "#fdf3dc", "state": "#e4f2e7", "output": "#f9e3e3"}


@dataclass(frozen=True)
class Box:
    """A box of a figure: its place on a grid, its kind, what it says, and the submodule that it counts."""

    column: float
    row: float
    kind: str
    title: str
    text: str = ""
    module: str = ""


@dataclass(frozen=True)
class Figure:
    """Boxes by name, and arrows between them."""

    boxes: dict[str, Box]
    arrows: list[tuple[str, str]]


FIGURES = {
    "kinema": Figure(
        {
            "reference": Box(0, 0, "input", "references", "gray and chroma"),
            "frame": Box(0, 1, "input", "frame", "L"),
            "features": Box(1, 0.5, "network", "EfficientNet-Lite0", "blocks 0, 2, 4, 7, 10", "features"),
            "match": Box(2, 0, "network", "match", "softmax over all cells", "describe"),
            "recall": Box(2, 1, "network", "recall", "within 6 cells"),
            "past": Box(1, 2, "state", "last frame", "colours, places, similarity"),
            "gate": Box(3, 1, "network", "gate", "the better source wins"),
            "kind": Box(2, -1, "network", "kind", "what else is like it", "kind"),
            "fusion": Box(4, 0.5, "network", "fusion", "U-Net on 1/4, 1/8, 1/16", "fusion"),
            "chroma": Box(5, 0, "output", "chroma", "2 × 2 colours a cell"),
            "confidence": Box(5, 1, "output", "confidence", "chance to be right"),
        },
        [
            ("reference", "features"),
            ("frame", "features"),
            ("features", "match"),
            ("features", "recall"),
            ("past", "recall"),
            ("recall", "match"),
            ("match", "gate"),
            ("recall", "gate"),
            ("gate", "fusion"),
            ("features", "kind"),
            ("kind", "fusion"),
            ("fusion", "chroma"),
            ("fusion", "confidence"),
        ],
    ),
    "deep-exemplar": Figure(
        {
            "reference": Box(0, 0, "input", "references", "Lab, once"),
            "frame": Box(0, 1, "input", "frame", "L"),
            "vgg": Box(1, 0.5, "network", "VGG19", "relu2_2, 3_2, 4_2, 5_2", "vgg"),
            "correspondence": Box(2, 0.5, "network", "correspondence net", "256 numbers a cell", "correspondence"),
            "warp": Box(3, 0.5, "network", "warp", "best match, Eq. 3-5"),
            "last": Box(3, -0.6, "state", "last frame", "L and predicted ab"),
            "colorization": Box(4, 0.5, "network", "colorization net", "encoder, decoder", "colorization"),
            "chroma": Box(5, 0.5, "output", "chroma", "ab, tanh × 128"),
            "similarity": Box(4, 1.6, "output", "confidence", "largest cosine"),
        },
        [
            ("reference", "vgg"),
            ("frame", "vgg"),
            ("vgg", "correspondence"),
            ("correspondence", "warp"),
            ("warp", "colorization"),
            ("last", "colorization"),
            ("colorization", "chroma"),
            ("warp", "similarity"),
        ],
    ),
    "long-term": Figure(
        {
            "reference": Box(0, 0, "input", "references", "Lab, once"),
            "frame": Box(0, 1, "input", "block of N frames", "L"),
            "backbone": Box(1, 0.5, "network", "ResNet-101", "no first max-pool", "backbone"),
            "query": Box(2, 1.6, "network", "linkage subnet", "query and store, Eq. 6-7", "linkage"),
            "correspondence": Box(2, 0.5, "network", "correspondence subnet", "CNN-Transformer", "correspondence"),
            "store": Box(3, 1.6, "state", "store", "tokens of earlier blocks"),
            "warp": Box(3, 0.5, "network", "two heads", "Eq. 1-3, each"),
            "colorization": Box(4, 0.5, "network", "colorization subnet", "CNN-Transformer, Eq. 5", "colorization"),
            "chroma": Box(5, 0.5, "output", "chroma", "ab, tanh × 128"),
            "confidence": Box(4, 1.6, "output", "confidence", "larger cosine of two"),
        },
        [
            ("reference", "backbone"),
            ("frame", "backbone"),
            ("backbone", "correspondence"),
            ("backbone", "query"),
            ("query", "correspondence"),
            ("store", "query"),
            ("correspondence", "warp"),
            ("warp", "colorization"),
            ("colorization", "chroma"),
            ("warp", "confidence"),
            ("correspondence", "store"),
        ],
    ),
    "color2embed": Figure(
        {
            "reference": Box(0, 0, "input", "references", "sRGB 256 × 256, once"),
            "frame": Box(0, 1, "input", "frame", "L"),
            "encoder": Box(1, 0, "network", "colour encoder", "VGG19 and convolutions", "encoder"),
            "embedding": Box(2, 0, "state", "embedding z", "512 numbers, Eq. 1"),
            "unet": Box(2, 1, "network", "U-Net", "modulated kernels, Eq. 2-7", "unet"),
            "chroma": Box(3, 0, "output", "chroma", "ab, tanh × 110"),
            "confidence": Box(3, 1, "output", "confidence", "0.5: it cannot know"),
        },
        [
            ("reference", "encoder"),
            ("encoder", "embedding"),
            ("embedding", "unet"),
            ("frame", "unet"),
            ("unet", "chroma"),
        ],
    ),
}


def main() -> None:
    """Write every figure and the table."""
    for name, figure in FIGURES.items():
        drawing = draw(figure, _counted(name))
        (DOCS / "pictures" / f"model-{name}.svg").write_text(drawing, encoding="utf-8")
    page = DOCS / "models.md"
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")


def with_table(page: str) -> str:
    """The page with a fresh table between its markers."""
    return re.sub(r"(<!-- cost -->\n).*?(\n<!-- /cost -->)", lambda m: m[1] + table() + m[2], page, flags=re.DOTALL)


def table() -> str:
    """Cost of every model at its own working size, 16:9, and at 384×216."""
    lines = [
        "| model | parameters | working size | GFLOP a frame | at 384×216 | GFLOP a reference |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, kind in MODELS.items():
        own, same = compute_model_cost(kind), compute_model_cost(kind, height=216, width=384)
        side = make_meta_model(name).spec.short_side
        size = f"{side * 16 // 9}×{side}"
        lines.append(
            f"| `{name}` | {own.parameters:,} | {size} | {own.frame_gflop:.0f} | {same.frame_gflop:.0f} | "
            f"{own.reference_gflop:.0f} |"
        )
    return "\n".join(lines)


def draw(figure: Figure, counted: dict[str, str]) -> str:
    """A figure as SVG."""
    top = min(box.row for box in figure.boxes.values())
    places = {
        name: (MARGIN + box.column * (BOX_WIDTH + GAP_X), MARGIN + (box.row - top) * (BOX_HEIGHT + GAP_Y))
        for name, box in figure.boxes.items()
    }
    width = max(x for x, _ in places.values()) + BOX_WIDTH + MARGIN
    height = max(y for _, y in places.values()) + BOX_HEIGHT + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
    ]
    parts += [_arrow(places[begin], places[end]) for begin, end in figure.arrows]
    for name, box in figure.boxes.items():
        x, y = places[name]
        lines = [
            f'<tspan font-weight="bold">{escape(box.title)}</tspan>',
            escape(box.text),
            counted.get(box.module, ""),
        ]
        shown = [line for line in lines if line]
        parts.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="{PALE[box.kind]}" '
            f'stroke="#777"/>'
        )
        first = y + BOX_HEIGHT / 2 + 5 - 8 * (len(shown) - 1)
        for index, line in enumerate(shown):
            parts.append(
                f'<text x="{x + BOX_WIDTH / 2:.0f}" y="{first + 16 * index:.0f}" text-anchor="middle">{line}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def _arrow(begin: tuple[float, float], end: tuple[float, float]) -> str:
    """From the side of one box to the near side of another."""
    (x1, y1), (x2, y2) = begin, end
    if x1 == x2:
        down = y2 > y1
        points = x1 + BOX_WIDTH / 2, y1 + BOX_HEIGHT * down, x2 + BOX_WIDTH / 2, y2 + BOX_HEIGHT * (not down)
    else:
        right = x2 > x1
        points = x1 + BOX_WIDTH * right, y1 + BOX_HEIGHT / 2, x2 + BOX_WIDTH * (not right), y2 + BOX_HEIGHT / 2
    return '<line x1="{:.0f}" y1="{:.0f}" x2="{:.0f}" y2="{:.0f}" stroke="#555" marker-end="url(#tip)"/>'.format(
        *points
    )


def _counted(name: str) -> dict[str, str]:
    """For each submodule of a model its parameters and its GFLOP a frame."""
    model = make_meta_model(name).eval()
    flops = _flops_by_module(model)
    told = {}
    for child, module in model.named_children():
        millions = sum(parameter.numel() for parameter in module.parameters()) / 1e6
        told[child] = f"{millions:.1f} M, {flops[child]:.1f} GFLOP"
    return told


def _flops_by_module(model: Colorizer) -> dict[str, float]:
    """GFLOP a frame of each child: what every module below it does beyond its own children."""
    side = model.spec.short_side
    with torch.device("meta"), torch.inference_mode():
        state = model.init_state(torch.zeros(1, 1, 3, side, side * 16 // 9))
        luma = torch.zeros(1, model.spec.block_size, 1, side, side * 16 // 9)
        state = model(luma, state).state
        with FlopCounterMode(display=False) as counter:
            model(luma, state)
    root = type(model).__name__
    totals = {name: sum(count.values()) for name, count in counter.get_flop_counts().items()}

    def below(name: str, module: torch.nn.Module) -> int:
        children = [(f"{name}.{child}", part) for child, part in module.named_children()]
        return sum(totals[path] if path in totals else below(path, part) for path, part in children)

    def alone(name: str, module: torch.nn.Module) -> int:
        return max(0, totals.get(name, 0) - below(name, module))

    found = {}
    for child, module in model.named_children():
        parts = (alone(f"{root}.{child}.{path}".rstrip("."), part) for path, part in module.named_modules())
        found[child] = sum(parts) / model.spec.block_size / 1e9
    return found


if __name__ == "__main__":
    main()

"""Draw the figures of docs/models.md and fill its table, with parameters and GFLOP counted on the networks.

python docs/make_models.py
"""

import re
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from kinemacolor.benchmark.flops import compute_model_cost
from kinemacolor.models.base import Colorizer
from kinemacolor.weights.registry import MODELS, make_meta_model

DOCS = Path(__file__).parent
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 184, 58, 46, 26, 16  # px
FILL_COLORS = {"input": "#eef2f7", "network": "#fdf3dc", "state": "#e4f2e7", "output": "#f9e3e3"}


@dataclass(frozen=True)
class Box:
    """A box of a figure: its cell of a grid, a kind of `FILL_COLORS`, its two lines, and a submodule to count."""

    column: float
    row: float
    kind: str
    title: str
    text: str = ""
    module: str = ""


@dataclass(frozen=True)
class Figure:
    """The boxes of a figure by name, and the arrows from one to another."""

    boxes: dict[str, Box]
    arrows: list[tuple[str, str]]


FIGURES = {
    "kinema": Figure(
        {
            "reference": Box(0, 0, "input", "references", "lightness and ab"),
            "frame": Box(0, 1, "input", "frame", "lightness"),
            "features": Box(1, 0.5, "network", "EfficientNet-Lite0", "blocks 0, 2, 4, 7, 10", "features"),
            "classifier": Box(1, -1, "network", "frozen classifier", "blocks 7, 10, 14, 15"),
            "match": Box(2, 0, "network", "match references", "attention, coarse to fine", "describe"),
            "match_previous": Box(2, 1, "network", "match previous frame", "within 6 cells"),
            "memory": Box(1, 2, "state", "memory: previous frame", "ab, coordinates, similarity"),
            "fine": Box(3, 1, "network", "fine stage", "quarters choose, on 1/2", "fine"),
            "semantic": Box(2, -1, "network", "semantic attention", "ab of similar, plausible things", "semantic"),
            "fusion": Box(4, 0.5, "network", "fusion", "U-Net on 1/4, 1/8, 1/16", "fusion"),
            "ab": Box(5, 0, "output", "ab", "2 × 2 colours a cell"),
            "confidence": Box(5, 1, "output", "confidence", "chance of a right colour"),
        },
        [
            ("reference", "features"),
            ("frame", "features"),
            ("features", "match"),
            ("features", "match_previous"),
            ("memory", "match_previous"),
            ("match_previous", "match"),
            ("match", "fine"),
            ("match_previous", "fine"),
            ("fine", "fusion"),
            ("reference", "classifier"),
            ("frame", "classifier"),
            ("classifier", "semantic"),
            ("semantic", "fusion"),
            ("fusion", "ab"),
            ("fusion", "confidence"),
        ],
    ),
    "deep-exemplar": Figure(
        {
            "reference": Box(0, 0, "input", "references", "Lab, once"),
            "frame": Box(0, 1, "input", "frame", "lightness"),
            "vgg": Box(1, 0.5, "network", "VGG19", "relu2_2, 3_2, 4_2, 5_2", "vgg"),
            "correspondence": Box(
                2, 0.5, "network", "correspondence net", "descriptors, 256 channels", "correspondence"
            ),
            "warp": Box(3, 0.5, "network", "warp", "best match, Eq. 3-5"),
            "memory": Box(3, -0.6, "state", "memory: previous frame", "lightness, predicted ab"),
            "colorization": Box(4, 0.5, "network", "colorization net", "encoder, decoder", "colorization"),
            "ab": Box(5, 0.5, "output", "ab", "tanh × 128"),
            "confidence": Box(4, 1.6, "output", "confidence", "largest cosine similarity"),
        },
        [
            ("reference", "vgg"),
            ("frame", "vgg"),
            ("vgg", "correspondence"),
            ("correspondence", "warp"),
            ("warp", "colorization"),
            ("memory", "colorization"),
            ("colorization", "ab"),
            ("warp", "confidence"),
        ],
    ),
    "long-term": Figure(
        {
            "reference": Box(0, 0, "input", "references", "Lab, once"),
            "frame": Box(0, 1, "input", "block of N frames", "lightness"),
            "backbone": Box(1, 0.5, "network", "ResNet-101", "no first max-pool", "backbone"),
            "linkage": Box(2, 1.6, "network", "linkage subnet", "query memory, Eq. 6-7", "linkage"),
            "correspondence": Box(2, 0.5, "network", "correspondence subnet", "CNN-Transformer", "correspondence"),
            "memory": Box(3, 1.6, "state", "memory", "tokens of earlier blocks"),
            "warp": Box(3, 0.5, "network", "warp", "two heads, Eq. 1-3"),
            "colorization": Box(4, 0.5, "network", "colorization subnet", "CNN-Transformer, Eq. 5", "colorization"),
            "ab": Box(5, 0.5, "output", "ab", "tanh × 128"),
            "confidence": Box(4, 1.6, "output", "confidence", "larger cosine similarity"),
        },
        [
            ("reference", "backbone"),
            ("frame", "backbone"),
            ("backbone", "correspondence"),
            ("backbone", "linkage"),
            ("linkage", "correspondence"),
            ("memory", "linkage"),
            ("correspondence", "warp"),
            ("warp", "colorization"),
            ("colorization", "ab"),
            ("warp", "confidence"),
            ("correspondence", "memory"),
        ],
    ),
    "color2embed": Figure(
        {
            "reference": Box(0, 0, "input", "references", "sRGB 256 × 256, once"),
            "frame": Box(0, 1, "input", "frame", "lightness"),
            "encoder": Box(1, 0, "network", "colour encoder", "VGG19 and convolutions", "encoder"),
            "embedding": Box(2, 0, "state", "embedding z", "vector of 512, Eq. 1"),
            "unet": Box(2, 1, "network", "U-Net", "modulated kernels, Eq. 2-7", "unet"),
            "ab": Box(3, 0, "output", "ab", "tanh × 110"),
            "confidence": Box(3, 1, "output", "confidence", "always 0.5"),
        },
        [
            ("reference", "encoder"),
            ("encoder", "embedding"),
            ("embedding", "unet"),
            ("frame", "unet"),
            ("unet", "ab"),
        ],
    ),
}
FIGURES["long-term-small"] = replace(
    FIGURES["long-term"],
    boxes=FIGURES["long-term"].boxes
    | {"backbone": Box(1, 0.5, "network", "ResNet-50", "no first max-pool", "backbone")},
)


def main() -> None:
    """Write all figures and the table."""
    for name in FIGURES:
        (DOCS / "pictures" / f"model-{name}.svg").write_text(draw_model(name), encoding="utf-8")
    page = DOCS / "models.md"
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")


def draw_model(name: str) -> str:
    """Draw the figure of a model as SVG, with what its networks cost."""
    return draw_figure(FIGURES[name], _describe_submodules(name))


def with_table(page: str) -> str:
    """Replace the table between the markers of the page by a new one."""
    return re.sub(
        r"(<!-- cost -->\n).*?(\n<!-- /cost -->)", lambda m: m[1] + format_cost_table() + m[2], page, flags=re.DOTALL
    )


def format_cost_table() -> str:
    """Format the cost of every model, at its own working size for 16:9 and at 384×216, as Markdown."""
    lines = [
        "| model | parameters | working size | GFLOP a frame | at 384×216 | GFLOP a reference |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, model_type in MODELS.items():
        own, same = compute_model_cost(model_type), compute_model_cost(model_type, height=216, width=384)
        side = make_meta_model(name).spec.short_side
        size = f"{side * 16 // 9}×{side}"
        lines.append(
            f"| `{name}` | {own.parameters:,} | {size} | {own.frame_gflop:.0f} | {same.frame_gflop:.0f} | "
            f"{own.reference_gflop:.0f} |"
        )
    return "\n".join(lines)


def draw_figure(figure: Figure, costs: dict[str, str]) -> str:
    """Draw a figure as SVG, with the cost of each submodule in its box."""
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
    parts += [_draw_arrow(places[begin], places[end]) for begin, end in figure.arrows]
    for name, box in figure.boxes.items():
        x, y = places[name]
        lines = [
            f'<tspan font-weight="bold">{escape(box.title)}</tspan>',
            escape(box.text),
            costs.get(box.module, ""),
        ]
        shown = [line for line in lines if line]
        parts.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
            f'fill="{FILL_COLORS[box.kind]}" stroke="#777"/>'
        )
        first = y + BOX_HEIGHT / 2 + 5 - 8 * (len(shown) - 1)
        for index, line in enumerate(shown):
            parts.append(
                f'<text x="{x + BOX_WIDTH / 2:.0f}" y="{first + 16 * index:.0f}" text-anchor="middle">{line}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def _draw_arrow(begin: tuple[float, float], end: tuple[float, float]) -> str:
    """Draw an arrow from the side of the box at ``begin`` to the near side of the box at ``end``."""
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


def _describe_submodules(name: str) -> dict[str, str]:
    """Describe each child of a model by its parameters and its GFLOP a frame."""
    model = make_meta_model(name).eval()
    gflop = _count_gflop_by_child(model)
    costs = {}
    for child, module in model.named_children():
        millions = sum(parameter.numel() for parameter in module.parameters()) / 1e6
        costs[child] = f"{millions:.1f} M, {gflop[child]:.1f} GFLOP"
    return costs


def _count_gflop_by_child(model: Colorizer) -> dict[str, float]:
    """Count the GFLOP a frame of each child: the sum of what every module below it does outside of its own children."""
    side = model.spec.short_side
    with torch.device("meta"), torch.inference_mode():
        state = model.init_state(torch.zeros(1, 1, 3, side, side * 16 // 9))
        lightness = torch.zeros(1, model.spec.block_size, 1, side, side * 16 // 9)
        state = model(lightness, state).state
        with FlopCounterMode(display=False) as counter:
            model(lightness, state)
    root = type(model).__name__
    totals = {name: sum(count.values()) for name, count in counter.get_flop_counts().items()}

    def count_children(name: str, module: torch.nn.Module) -> int:
        children = [(f"{name}.{child}", part) for child, part in module.named_children()]
        return sum(totals[path] if path in totals else count_children(path, part) for path, part in children)

    def count_outside_children(name: str, module: torch.nn.Module) -> int:
        return max(0, totals.get(name, 0) - count_children(name, module))

    gflop = {}
    for child, module in model.named_children():
        parts = (
            count_outside_children(f"{root}.{child}.{path}".rstrip("."), part) for path, part in module.named_modules()
        )
        gflop[child] = sum(parts) / model.spec.block_size / 1e9
    return gflop


if __name__ == "__main__":
    main()

"""`Clip`, one training example, and `ClipOptions`, what clips should be like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from kinemacolor.errors import UsageError
from kinemacolor.utils.arrays import Size

if TYPE_CHECKING:
    from torch import Tensor

ReferenceKind = Literal["near", "far", "part", "self", "similar", "wrong"]
MAX_NEAR_DISTANCE = 5  # frames
SHARES = ("photographs", "damaged", "mirrored", "reversed", "pasted", "lookalikes", "limbs", "distant")


def _default_kind_shares() -> dict[ReferenceKind, float]:
    return {"near": 0.2, "far": 0.2, "part": 0.2, "self": 0.15, "similar": 0.15, "wrong": 0.1}


@dataclass(frozen=True)
class ClipOptions:
    """What clips should be like; the section ``clips`` of a recipe.

    ``frames``: frames of a clip. ``strides``: a clip takes every n-th frame of its shot, n drawn from these.
    ``size``: rows and columns; pictures are scaled to cover it and cropped to it. ``crop``: size of the random window
    that a clip shows; references show all of ``size``. ``photographs``: share of clips made from photographs.
    ``references``: references of a clip, all of one kind. ``kinds``: share of each kind of reference.
    ``damaged``, ``mirrored``, ``reversed``: probabilities (film degradation, mirrored, played backwards). ``pasted``:
    share of the shots of photographs over which things of other photographs pass, under a changing light.
    ``lookalikes``: share of these shots whose things are alike in luma and of different colours. ``limbs``: share of
    the things whose outline has limbs. ``distant``: share of the references ``far`` and ``part`` of photographs that
    show the shot's scene at a distant time: another camera and light, things elsewhere, missing or new.

    Kinds of references: ``near``, a frame at most 5 frames from the clip's first. ``far``, one further away.
    ``part``, a frame of another part that was cut from the same film (without one, the farthest frame), or another
    view of the same photograph. ``self``, a frame of the clip, bent and noisy (`make_self_reference`). ``similar``,
    one of the five most similar pictures. ``wrong``, one of the less similar half.

    Raises UsageError for values that cannot be used.
    """

    frames: int = 4
    strides: tuple[int, ...] = (1, 2)
    size: Size = (216, 384)
    crop: Size | None = None
    photographs: float = 0.5
    references: int = 1
    kinds: Mapping[ReferenceKind, float] = field(default_factory=_default_kind_shares)
    damaged: float = 0.5
    mirrored: float = 0.5
    reversed: float = 0.5
    pasted: float = 0.0
    lookalikes: float = 0.0
    limbs: float = 0.0
    distant: float = 0.0

    def __post_init__(self) -> None:
        known = get_args(ReferenceKind)
        if (
            not set(self.kinds) <= set(known)
            or min(self.kinds.values(), default=-1) < 0
            or not any(self.kinds.values())
        ):
            raise UsageError(f"kinds of references are {', '.join(known)}, each with a share: not {dict(self.kinds)}")
        if self.frames < 1 or self.references < 1 or min(self.strides, default=0) < 1:
            raise UsageError("frames, references and strides must be at least 1")
        if not all(0 <= getattr(self, name) <= 1 for name in SHARES):
            raise UsageError(f"{', '.join(SHARES)} are shares: 0 to 1")
        rows, columns = self.clip_size
        if rows > self.size[0] or columns > self.size[1]:
            raise UsageError(
                f"a crop of {columns}x{rows} does not fit into {self.size[1]}x{self.size[0]}: take a smaller one"
            )

    @property
    def clip_size(self) -> Size:
        """Rows and columns of a clip: ``crop``, or ``size`` without one."""
        return self.crop or self.size

    @property
    def min_shot_frames(self) -> int:
        """Least number of frames that a shot must have for a clip."""
        return (self.frames - 1) * min(self.strides) + 1


@dataclass(frozen=True)
class Clip:
    """One training example: consecutive frames with their true colours, what the model is given, and references.

    ``lab`` ``T 3 h w``: true Lab. ``lightness`` ``T 1 h w``: L* 0..100, the model's input. ``references`` ``R 3 H W``:
    Lab, all of one ``reference_kind``; ``in_shot``: whether they are frames of the film itself. ``flow`` ``T-1 2 h w``:
    px (x, y), from each frame but the first back to the frame before; ``visibility`` ``T-1 1 h w``: 1 where that frame
    shows the same thing, else 0. ``source_number``: the source's place in the index.
    """

    lab: "Tensor"
    lightness: "Tensor"
    references: "Tensor"
    flow: "Tensor"
    visibility: "Tensor"
    in_shot: bool
    reference_kind: ReferenceKind
    source_number: int

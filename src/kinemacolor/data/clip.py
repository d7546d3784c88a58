"""What a clip is, and what clips are to be like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from torch import Tensor

from kinemacolor.data.frame_cache import Size
from kinemacolor.errors import UsageError

ReferenceKind = Literal["near", "far", "part", "self", "similar", "wrong"]
MAX_NEAR_DISTANCE = 5  # frames


def _default_kind_shares() -> dict[ReferenceKind, float]:
    return {"near": 0.2, "far": 0.2, "part": 0.2, "self": 0.15, "similar": 0.15, "wrong": 0.1}


@dataclass(frozen=True)
class ClipOptions:
    """What clips are to be like.

    Pictures are scaled to cover ``size`` (rows, columns) and cut to it. A clip shows a ``crop`` of that,
    references show all. From frame to frame a clip goes one of the ``strides``. ``photographs`` is their
    share among clips; ``damaged``, ``mirrored`` and ``reversed`` are chances.

    ``references`` is how many a clip has, all of one kind; ``kinds`` are shares. ``near``: a frame at most 5
    from the clip's first. ``far``: one further off. ``part``: a frame of another piece that was cut from the
    same film (without one, the farthest frame), or another view of the same photograph. ``self``: a frame of
    the clip, bent and noisy (`self_reference`). ``similar``: one of the five pictures most alike. ``wrong``: one
    of the less alike half.
    Raises UsageError for what cannot be.
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
        if not all(0 <= chance <= 1 for chance in (self.photographs, self.damaged, self.mirrored, self.reversed)):
            raise UsageError("photographs, damaged, mirrored and reversed are shares: 0 to 1")
        rows, columns = self.clip_size
        if rows > self.size[0] or columns > self.size[1]:
            raise UsageError(
                f"a crop of {columns}x{rows} does not fit into {self.size[1]}x{self.size[0]}: take a smaller one"
            )

    @property
    def clip_size(self) -> Size:
        """Rows and columns of a clip."""
        return self.crop or self.size

    @property
    def min_shot_frames(self) -> int:
        """The frames that a shot must have."""
        return (self.frames - 1) * min(self.strides) + 1


@dataclass(frozen=True)
class Clip:
    """``lab`` ``T 3 h w`` is true; ``luma`` ``T 1 h w``, L 0..100, is what a model is given.

    ``references`` are ``R 3 H W`` Lab of one ``reference_kind``; ``in_shot`` says that they are frames of
    the film itself. ``flow`` ``T-1 2 h w``, px (x, y), goes from each frame but the first back to the one
    before; ``seen`` ``T-1 1 h w`` is 1 where that shows the same, else 0. ``source`` is its number in the index.
    """

    lab: Tensor
    lightness: Tensor
    references: Tensor
    flow: Tensor
    visibility: Tensor
    in_shot: bool
    reference_kind: ReferenceKind
    source_number: int

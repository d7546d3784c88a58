"""What a validation measures: held-out films and photographs, each with the reference that its column gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kinemacolor.data.index import SourceIndex
from kinemacolor.data.sources import Source
from kinemacolor.training.recipe import ValidationConfig

ColumnName = Literal["near", "far", "other"]
COLUMNS: tuple[ColumnName, ...] = ("near", "far", "other")


@dataclass(frozen=True)
class ValidationItem:
    """A held-out ``source`` and frame ``reference_frame`` of the source ``reference``, from which it gets its colours.

    ``column``: ``near``, a film with its own first frame; ``far``, a film with another part of the same film;
    ``other``, a photograph with another photograph.
    """

    column: ColumnName
    source: Source
    reference: Source
    reference_frame: int

    @property
    def in_shot(self) -> bool:
        """Whether the reference is a frame of the shot itself, as `Colorizer.init_state` is told."""
        return self.column == "near"


def list_validation_items(
    films: Sequence[Source], photographs: SourceIndex, config: ValidationConfig
) -> tuple[ValidationItem, ...]:
    """List the items of all columns, the same for the same held-out films and photographs.

    The first ``config.films`` films are in ``near``, those of them with another held-out film of the same origin in
    ``far``, and the first ``config.photographs`` photographs in ``other``, each with the one that is most similar.
    """
    index, measured = SourceIndex(tuple(films), ()), films[: config.films]
    items = [ValidationItem("near", film, film, 0) for film in measured]
    for number, film in enumerate(measured):
        siblings = index.find_same_origin(number)
        if len(siblings):
            # half-way round the film's parts: those next to each other often show one scene
            after = (siblings < number).sum() + len(siblings) // 2
            sibling = films[siblings[after % len(siblings)]]
            items.append(ValidationItem("far", film, sibling, sibling.frames // 2))
    for number, photograph in enumerate(photographs.sources[: config.photographs]):
        others = photographs.rank_other_origins(number)
        if len(others):
            items.append(ValidationItem("other", photograph, photographs.sources[others[0]], 0))
    return tuple(items)

"""What is noted of a project in its folder."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kinemacolor.web.names import clean_name

MAX_TITLE_LETTERS = 400
Seconds = Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)]
FilmPart = tuple[float, float | None]  # start and end in seconds; None: to the end of the film


class ProjectEntry(BaseModel):
    """Contents of `project.json`.

    ``film``: relative to the project's folder, or absolute for a film of the server's folder. ``start_seconds`` and
    ``end_seconds``: the part of the film to work on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Annotated[str, AfterValidator(clean_name), Field(min_length=1, max_length=MAX_TITLE_LETTERS)]
    film: Path
    created: Annotated[float, Field(allow_inf_nan=False)]
    start_seconds: Seconds = 0
    end_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _check_part(self) -> Self:
        if self.end_seconds is not None and self.end_seconds <= self.start_seconds:
            raise ValueError("the part ends before it begins")
        return self

    @property
    def part(self) -> FilmPart:
        """The part of the film to work on."""
        return self.start_seconds, self.end_seconds

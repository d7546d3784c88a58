"""What is noted of a project in its folder."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from kinemacolor.web.names import clean_name

FilmPart = tuple[float, float | None]  # start and end in seconds; None: to the end of the film


class ProjectEntry(BaseModel):
    """Contents of `project.json`.

    ``film``: relative to the project's folder, or absolute for a film of the server's folder. ``start_seconds`` and
    ``end_seconds``: the part of the film to work on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Annotated[str, AfterValidator(clean_name)]
    film: Path
    created: float
    start_seconds: float = 0
    end_seconds: float | None = None

    @property
    def part(self) -> FilmPart:
        """The part of the film to work on."""
        return self.start_seconds, self.end_seconds

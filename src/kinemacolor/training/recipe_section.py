"""What all sections of a recipe are: strictly validated and immutable."""

from pydantic import BaseModel, ConfigDict

STRICT_CONFIG = ConfigDict(extra="forbid", strict=True, frozen=True)


class RecipeSection(BaseModel):
    """A section of a recipe: strict types, no unknown keys, immutable."""

    model_config = STRICT_CONFIG

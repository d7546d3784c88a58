"""What a shell offers for a value that is a name. Verbs, options and choices typer knows; files are the shell's own."""

from collections.abc import Callable
from importlib.resources import files


def complete_from(*names: str) -> Callable[[str], list[str]]:
    """Make a completion of typer that offers these names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


complete_devices = complete_from("auto", "cpu", "cuda", "mps")


def complete_models(incomplete: str) -> list[str]:
    """Offer the models of the catalog."""
    from kinemacolor.models.catalog import MODEL_CATALOG

    return complete_from(*MODEL_CATALOG)(incomplete)


def complete_weights(incomplete: str) -> list[str]:
    """Offer whose weights there may be: the models, and the networks of metrics."""
    return [*complete_models(incomplete), *complete_from("metrics")(incomplete)]


def complete_recipes(incomplete: str) -> list[str]:
    """Offer the recipes of the package; a shell adds none of its files then, unless none of them fits."""
    recipes = files("kinemacolor").joinpath("recipes").iterdir()
    return complete_from(*sorted(one.name.removesuffix(".toml") for one in recipes if one.name.endswith(".toml")))(
        incomplete
    )

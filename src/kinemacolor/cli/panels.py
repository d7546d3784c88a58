"""Where verbs and options stand in `--help`: the panel of each, and their order. Without a panel a test fails."""

import difflib
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from kinemacolor.errors import UsageError

Verb = TypeVar("Verb", bound=Callable[..., Any])

VERB_PANELS = {
    "Colour a film": ("colorize", "preview", "verify", "demo"),
    "Whole films": ("shots", "refs", "plan", "render", "again", "report"),
    "The page": ("web",),
    "Models and machine": ("models", "doctor"),
    "Research": ("evaluate", "compare", "bench", "train"),
}
IMPLIED_VERB = "colorize"

# An option has one name, and so one panel, in all verbs that take it.
OPTION_PANELS = {
    "Film and pictures": (
        *(
            "--reference",
            "--references",
            "--source",
            "--ask-references",
            "--budget",
            "--extract",
            "--at",
            "--start",
            "--end",
            "--shots",
            "--detector",
            "--per-shot",
        ),
        "--gaps",
        *("--films", "--photographs", "--held-out", "--strict", "--protocol", "--pairs", "--made", "--only"),
    ),
    "Model and colours": ("--model", "--size", "--saturation", "--edge-filter", "--fill", "--crop"),
    "Measure": (
        *("--against", "--with", "--rounds", "--timeline", "--long", "--networks"),
        *("--results", "--film-size", "--every", "--lpips-vgg"),
    ),
    "Result": (
        *("--output", "--overwrite", "--archive", "--bag", "--credentials", "--key"),
        *("--vcodec", "--vprofile", "--lossless", "--crf", "--preset", "--pix-fmt", "--parts"),
        *("--layer", "--confidence-out", "--markers", "--exact", "--work", "--official", "--int8", "--onnx"),
    ),
    "Instead of training": ("--status", "--stop", "--report", "--check-data", "--profile"),
    "Who may come in": ("--host", "--port", "--auth", "--shared", "--adopt", "--browser"),
    "How much": ("--steps", "--max-minutes", "--max-upload", "--max-disk", "--max-connections"),
    "Machine": (
        *("--folder", "--cache", "--jobs", "--threads", "--device", "--engine", "--precision", "--cluster"),
        *("--workers", "--processes", "--background", "--data-on-device"),
    ),
    "Messages": ("--quiet", "--json", "--version", "--install-completion", "--show-completion", "--help"),
}
MOST_IN_ONE_PANEL = 8  # options of a verb that need no panels of their own

_PANEL_OF_VERB = {verb: panel for panel, verbs in VERB_PANELS.items() for verb in verbs}
_PANEL_OF_OPTION = {flag: panel for panel, flags in OPTION_PANELS.items() for flag in flags}
_PLACE_OF_VERB = {verb: place for place, verb in enumerate(_PANEL_OF_VERB)}
_PLACE_OF_OPTION = {flag: place for place, flag in enumerate(_PANEL_OF_OPTION)}


class VerbCommand(TyperCommand):
    """A verb whose options stand in the order of `OPTION_PANELS`."""

    def __init__(self, *names: Any, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.help = _unwrap_paragraphs(self.help or "")

    def get_params(self, ctx: Any) -> list[Any]:
        """Return arguments as they were declared, then options; many are spread over panels."""
        return _arrange_parameters(super().get_params(ctx))


class VerbGroup(TyperGroup):
    """Verbs that share their first word, as those of `models`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options that stand before a verb."""
        return _arrange_parameters(super().get_params(ctx))


class RootGroup(VerbGroup):
    """All verbs, in the order of `VERB_PANELS`; a first word that is no verb is a film, for `IMPLIED_VERB`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options; the last line of the help tells of those for completion, the list does not."""
        parameters = super().get_params(ctx)
        for one in parameters:
            one.hidden = find_long_flag(one) in ("--install-completion", "--show-completion")
        return parameters

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the verbs."""
        return sorted(self.commands, key=lambda verb: _PLACE_OF_VERB.get(verb, len(_PLACE_OF_VERB)))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a verb, with its panel; None for another word."""
        command = super().get_command(ctx, cmd_name)
        if isinstance(command, TyperCommand | TyperGroup):
            command.rich_help_panel = _PANEL_OF_VERB.get(cmd_name)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb that words begin with: when they are run, and when a shell asks how they may go on.

        Raises UsageError for a word that is nearly a verb, and no film.
        """
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        can_be_a_film = os.path.splitext(args[0])[1] or os.path.exists(args[0])  # shots.mp4, render_*.png
        if not ctx.resilient_parsing and not can_be_a_film:
            meant = difflib.get_close_matches(args[0], self.commands, 1)
            if meant:
                raise UsageError(f"there is no verb and no film {args[0]!r}: did you mean `kinemacolor {meant[0]}`?")
        return super().resolve_command(ctx, [IMPLIED_VERB, *args])


class VerbApp(typer.Typer):
    """A `typer.Typer` whose verbs are each a `VerbCommand`."""

    def __init__(self, *, cls: type[VerbGroup] = VerbGroup, **settings: Any) -> None:
        super().__init__(cls=cls, no_args_is_help=True, **settings)

    def command(self, *names: Any, **settings: Any) -> Callable[[Verb], Verb]:
        """Register a function as a verb, as `typer.Typer.command` does."""
        decorate: Callable[[Verb], Verb] = super().command(*names, cls=VerbCommand, **settings)
        return decorate


def find_long_flag(option: Any) -> str:
    """Return the long form of an option, ``--output`` for ``-o``."""
    return next((str(name) for name in option.opts if name.startswith("--")), str(option.opts[0]))


def _arrange_parameters(parameters: Sequence[Any]) -> list[Any]:
    """Sort the options of a verb, and give them panels where they are many."""
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    options = [one for one in parameters if one.param_type_name == "option"]
    for one in options:
        one.rich_help_panel = _PANEL_OF_OPTION.get(find_long_flag(one)) if len(options) > MOST_IN_ONE_PANEL else None
        if one.is_flag and one.metavar is None:
            one.metavar = ""  # it takes no value: its type says nothing
    options.sort(key=lambda one: _PLACE_OF_OPTION.get(find_long_flag(one), len(_PLACE_OF_OPTION)))
    return arguments + options


def _unwrap_paragraphs(text: str) -> str:
    """Take away the line breaks that a docstring has for its own width."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))

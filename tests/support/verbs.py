"""All verbs of the command line, as typer builds them."""

from collections.abc import Iterator
from typing import Any

import typer

from kinemacolor.cli.main import app


def walk_verbs() -> Iterator[tuple[str, Any, Any]]:
    """Each verb and group with its words (``refs suggest``; the root has none), its command and a context for it."""

    def walk(words: str, command: Any, context: Any) -> Iterator[tuple[str, Any, Any]]:
        yield words, command, context
        for name in command.list_commands(context) if hasattr(command, "commands") else ():
            child = command.get_command(context, name)
            yield from walk(f"{words} {name}".strip(), child, typer.Context(child, parent=context, info_name=name))

    root = typer.main.get_command(app)
    yield from walk("", root, typer.Context(root, info_name="kinemacolor"))

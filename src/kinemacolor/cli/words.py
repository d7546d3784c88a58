"""The words of a command, made again from what was understood of it."""

from collections.abc import Collection

import typer


def rebuild_arguments(
    context: typer.Context, without: Collection[str] = (), further: Collection[str] = ()
) -> list[str]:
    """Return the words behind a verb that give it the same values again, however they were written the first time.

    Only what the user gave is in them. ``without`` names parameters that are left out, ``further`` are words of options
    that are added. Arguments stand first, but behind ``--`` where one of them looks like an option.
    """
    arguments, options = list[str](), list[str]()
    for parameter in context.command.params:
        name = str(parameter.name)
        source, value = context.get_parameter_source(name), context.params.get(name)
        if name in without or source is None or source.name != "COMMANDLINE":
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            if parameter.param_type_name == "argument":
                arguments.append(str(one))
            else:
                options += [parameter.opts[0]] if one is True else [parameter.opts[0], str(one)]
    options += further
    if any(one.startswith("-") for one in arguments):
        return [*options, "--", *arguments]
    return [*arguments, *options]

"""How mkdocstrings reads docstrings here (mkdocs.yml): examples are code, options of a render explain themselves."""

import ast
import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^ *>>> .*\n(?:^ *\S.*\n)*", re.MULTILINE)
_DOCTEST_FLAG = re.compile(r" *# doctest: \+\w+")


class HouseDocstrings(griffe.Extension):
    """Rewrites what was read of the source, before pages are made of it."""

    def on_object(self, *, obj: griffe.Object, **more: Any) -> None:
        """Fence the examples of a docstring, which Markdown would take for quotations."""
        if obj.docstring:
            obj.docstring.value = fence_examples(obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **more: Any) -> None:
        """Show the default of an option, and its flag and help as its docstring."""
        call = attr.value
        if isinstance(call, griffe.ExprCall) and str(call.function) == "option":
            default, flag, words = call.arguments[:3]
            attr.value = default
            text = f"`{ast.literal_eval(str(flag))}`: {ast.literal_eval(str(words))}"
            attr.docstring = griffe.Docstring(text, parent=attr)


def fence_examples(docstring: str) -> str:
    """Put the examples of a docstring into fences, without what is said to doctest alone."""
    fenced = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", docstring + "\n")
    return _DOCTEST_FLAG.sub("", fenced).rstrip("\n")

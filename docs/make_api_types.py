"""Writes the types of the HTTP interface for the page, from its OpenAPI document: web/page/core/api.d.ts.

python docs/make_api_types.py          writes the file
python docs/make_api_types.py --check  writes nothing; fails where the file is not what the routes say

What the server answers has all its properties; what only is sent to it may lack those that have a default.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

from fastapi import FastAPI

from kinemacolor.web.rest_api import api

TARGET = Path(__file__).parents[1] / "src/kinemacolor/web/page/core/api.d.ts"
HEAD = "// Made by docs/make_api_types.py from the OpenAPI document of the server: change the models there.\n"
ALIASES = {"Session": "SessionView", "Upload": "UploadView"}  # by which the page calls them
PREFIX = "#/components/schemas/"
LITERALS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
MAX_COLUMNS = 120


def main() -> None:
    """Write the file, or compare it."""
    text = format_types(read_description())
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != text:
        sys.exit(f"{TARGET} is not what the routes say: run python docs/make_api_types.py")


def read_description() -> dict[str, Any]:
    """Return the OpenAPI document of the HTTP interface."""
    app = FastAPI()
    app.include_router(api)
    return app.openapi()


def format_types(description: dict[str, Any]) -> str:
    """Return an interface for each model of an OpenAPI document, in the order of their names."""
    schemas = description["components"]["schemas"]
    answered = find_answered(description)
    parts = [HEAD]
    for name in sorted(schemas):
        if not name.startswith("Body_"):  # forms, which the page does not send
            parts.append(format_model(name, schemas[name], is_whole=name in answered))
    parts += [f"export type {alias} = {name};\n" for alias, name in sorted(ALIASES.items()) if name in schemas]
    return "\n".join(parts)


def find_answered(description: dict[str, Any]) -> set[str]:
    """Return the names of the models that the server answers with, and of all that are in these."""
    schemas = description["components"]["schemas"]
    answers = [way.get("responses", {}) for ways in description["paths"].values() for way in ways.values()]
    found, waiting = set[str](), list(iter_names(answers))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += iter_names(schemas[name])
    return found


def iter_names(value: Any) -> Iterator[str]:
    """Yield the names of the models that a part of the document refers to."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(PREFIX)
        for inner in value.values():
            yield from iter_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from iter_names(inner)


def format_model(name: str, schema: dict[str, Any], *, is_whole: bool) -> str:
    """Return a model as an interface, or as a type where it is no object; ``is_whole``: no property is missing."""
    words = format_comment(schema.get("description", ""))
    if "properties" not in schema:
        return f"{words}export type {name} = {format_type(schema)};\n"
    required = set(schema["properties"]) if is_whole else set(schema.get("required", ()))
    rows = [
        f"  {format_key(key)}{'' if key in required else '?'}: {format_type(inner)};"
        for key, inner in schema["properties"].items()
    ]
    return "\n".join([f"{words}export interface {name} {{", *rows, "}\n"])


def format_type(schema: dict[str, Any]) -> str:
    """Return a JSON schema as a type of TypeScript."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PREFIX)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(format_type(inner) for inner in schema[key]))
    kind = schema.get("type")
    if kind == "array":
        item = format_type(schema["items"]) if "items" in schema else "unknown"
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"Record<string, {format_type(inner) if isinstance(inner, dict) and inner else 'unknown'}>"
    return LITERALS.get(str(kind), "unknown")


def format_key(key: str) -> str:
    """Return a property's name, in quotes where it is no identifier."""
    return key if re.fullmatch(r"[A-Za-z_$][\w$]*", key) else json.dumps(key)


def format_comment(text: str) -> str:
    """Return a docstring as a comment; nothing for none."""
    lines = text.replace("``", "`").replace("*/", "* /").strip().splitlines()
    if not lines:
        return ""
    if len(lines) == 1 and len(lines[0]) <= MAX_COLUMNS - 7:
        return f"/** {lines[0]} */\n"
    return "/**\n" + indent("\n".join(lines), " * ", lambda line: True).replace(" * \n", " *\n") + "\n */\n"


if __name__ == "__main__":
    main()

"""The types that the page has of the HTTP interface: made from its description, and none of them old."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("fastapi")
from support.films import load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def make_api_types() -> ModuleType:
    return load_script("docs/make_api_types.py")


def test_the_types_of_the_page_are_what_the_routes_say() -> None:
    command = [sys.executable, str(ROOT / "docs/make_api_types.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"$ref": "#/components/schemas/Shot"}, "Shot"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}}, "(number | null)[]"),
        (
            {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
            "Record<string, string[]>",
        ),
        ({"type": "object", "additionalProperties": True}, "Record<string, unknown>"),
        ({"enum": ["cut", "fade"], "type": "string"}, '"cut" | "fade"'),
        ({"const": True, "type": "boolean"}, "true"),
        ({}, "unknown"),
    ],
)
def test_a_schema_is_a_type(make_api_types: ModuleType, schema: dict[str, object], kind: str) -> None:
    assert make_api_types.format_type(schema) == kind


def test_what_is_answered_is_whole_and_what_is_sent_may_lack_defaults(make_api_types: ModuleType) -> None:
    model = {"type": "object", "properties": {"a": {"type": "integer"}, "b-c": {"type": "string"}}, "required": ["a"]}
    answer = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Outer"}}}}}
    text = make_api_types.format_types(
        {
            "paths": {"/x": {"get": {"responses": answer}}},
            "components": {
                "schemas": {
                    "Sent": model | {"description": "What ``a`` is."},
                    "Outer": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Inner"}}},
                    "Inner": model,
                }
            },
        }
    )
    assert 'export interface Inner {\n  a: number;\n  "b-c": string;\n}' in text
    assert '/** What `a` is. */\nexport interface Sent {\n  a: number;\n  "b-c"?: string;\n}' in text

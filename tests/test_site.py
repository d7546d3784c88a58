"""The pages of the documentation site that are made of the code; `check` builds all of it, where a dead link fails."""

import re
from types import ModuleType
from typing import Any

import pytest

import kinemacolor
from kinemacolor.cli.panels import find_long_flag
from kinemacolor.errors import KinemacolorError
from support.films import load_script
from support.verbs import walk_verbs


@pytest.fixture(scope="module")
def make_site() -> ModuleType:
    return load_script("docs/make_site.py")


@pytest.fixture(scope="module")
def pages(make_site: ModuleType) -> dict[str, str]:
    made: dict[str, str] = make_site.make_pages()
    return made


def list_uris(navigation: Any) -> list[str]:
    if isinstance(navigation, str):
        return [navigation]
    children = navigation.values() if isinstance(navigation, dict) else navigation
    return [uri for child in children for uri in list_uris(child)]


def test_every_public_name_is_in_the_navigation(make_site: ModuleType, pages: dict[str, str]) -> None:
    shown = [
        name
        for uri in list_uris(make_site.make_navigation()["Python"])
        for name in re.findall(r"^::: kinemacolor\.(\w+)$", pages[uri], re.MULTILINE)
    ]
    assert sorted(shown) == kinemacolor.__all__


def test_every_verb_is_in_the_navigation_with_all_its_options(make_site: ModuleType, pages: dict[str, str]) -> None:
    uris = list_uris(make_site.make_navigation()["Command line"])
    for words, command, context in walk_verbs():
        if not words:
            continue
        uri = f"command-line/{words.split()[0]}.md"
        assert uri in uris
        assert words.split()[-1] in pages[uri]
        for one in command.get_params(context) if not hasattr(command, "commands") else ():
            flag = find_long_flag(one) if one.param_type_name == "option" else one.metavar or one.name
            assert re.search(rf"^\| `[^`]*{re.escape(flag)}", pages[uri], re.MULTILINE), flag


def test_made_pages_are_in_the_navigation_or_named_in_mkdocs_yml(make_site: ModuleType, pages: dict[str, str]) -> None:
    in_file = (make_site.ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    in_navigation = list_uris(make_site.make_navigation())
    assert [uri for uri in pages if uri not in in_navigation and uri not in in_file] == []


def test_every_exit_code_is_told(pages: dict[str, str]) -> None:
    codes = re.findall(r"^\| (\d+) \| (.+) \|$", pages["command-line/index.md"], re.MULTILINE)
    assert [int(code) for code, _ in codes] == [0, 1, *(one.exit_code for one in KinemacolorError.__subclasses__())]
    assert all(words for _, words in codes)


def test_what_the_examples_import_has_a_reference(make_site: ModuleType) -> None:
    assert {
        "kinemacolor.evaluation.measure.measure_film",
        "kinemacolor.shots.detect.detect_boundaries",
        "kinemacolor.video.images.read_color_picture",
    } <= set(make_site.find_other_names())


@pytest.mark.parametrize(
    ("source", "markdown", "led"),
    [
        ("README.md", "[how](docs/films.md#fill)", "[how](films.md#fill)"),
        ("README.md", "[`--fill`](docs/films.md#fill)", "[`--fill`](films.md#fill)"),
        ("README.md", "![a](docs/pictures/strip.jpg)", "![a](pictures/strip.jpg)"),
        ("docs/design.md", "[x](../CONTRIBUTING.md#tests)", "[x](contributing.md#tests)"),
        ("docs/training/kinema.md", "[x](../../README.md)", "[x](../index.md)"),
        ("docs/films.md", "[tested](../tests/rendering/test_renderer.py)", "tested"),
        ("docs/training/kinema.md", "[log](runs/4-gpu.log.jsonl)", "[log](runs/4-gpu.log.jsonl)"),
        ("docs/films.md", "`[code](../tests)` and\n```\n[code](../tests)\n```\n", None),
        ("docs/films.md", "[elsewhere](https://example.org/a)", None),
        ("docs/films.md", "[here](#fill)", "[here](films.md#fill)"),
        ("examples/README.md", "[a](own_detector.py)", "[a](examples.md#own_detectorpy)"),
    ],
)
def test_links_lead_to_pages(make_site: ModuleType, source: str, markdown: str, led: str | None) -> None:
    assert make_site.rewrite_links(markdown, source) == (led or markdown)


def test_a_link_that_leads_nowhere_is_told(make_site: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    make_site.rewrite_links("[x](none.md)", "docs/films.md")
    assert "docs/films.md: the link to none.md leads nowhere" in caplog.text


def test_lists_that_mkdocs_would_take_for_text_are_found(make_site: ModuleType) -> None:
    assert make_site.find_lists_in_text("Words:\n- one\n- two\n\nWords:\n\n- one\n  more\n- two\n") == ["Words:"]
    assert make_site.find_lists_in_text("Words\n```\n- code\n```\n\n![a](b.svg)\n*`a b` draws*") == []


def test_examples_of_docstrings_become_code() -> None:
    pytest.importorskip("griffe")
    fence_examples = load_script("docs/griffe_docstrings.py").fence_examples
    assert fence_examples("Adds.\n\n>>> add(1, 2)  # doctest: +SKIP\n3\n\nMore.") == (
        "Adds.\n\n```pycon\n>>> add(1, 2)\n3\n```\n\nMore."
    )

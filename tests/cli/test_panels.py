"""What `--help` shows first, and that nothing stands outside of its panels."""

import re
from itertools import pairwise

import pytest

from kinemacolor.cli.main import run
from kinemacolor.cli.panels import MOST_IN_ONE_PANEL, OPTION_PANELS, VERB_PANELS, find_long_flag
from support.verbs import walk_verbs

VERBS = {words: (command, context) for words, command, context in walk_verbs()}


def show_help(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The help as a terminal of 80 columns has it."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    assert run([*words.split(), "--help"]) == 0
    return capsys.readouterr().out


def find_titles(text: str) -> list[str]:
    return re.findall(r"^╭─ (.+?) ─+╮", text, re.MULTILINE)


def test_every_verb_has_its_panel() -> None:
    """A new verb wants a place in `VERB_PANELS`, and one that is gone leaves it."""
    in_panels = [verb for verbs in VERB_PANELS.values() for verb in verbs]
    assert sorted(in_panels) == sorted(words for words in VERBS if words and " " not in words)


def test_every_option_has_its_panel() -> None:
    """A new option wants a place in `OPTION_PANELS`, and one that is gone leaves it."""
    in_panels = [flag for flags in OPTION_PANELS.values() for flag in flags]
    found = {
        find_long_flag(one)
        for command, context in VERBS.values()
        for one in command.get_params(context)
        if one.param_type_name == "option"
    }
    assert len(in_panels) == len(set(in_panels))
    assert found == set(in_panels)


def test_help_begins_with_the_main_job(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = show_help("", monkeypatch, capsys)
    assert find_titles(text) == ["Options", *VERB_PANELS]
    places = [text.index(f"\n│ {verb} ") for verbs in VERB_PANELS.values() for verb in verbs]
    assert all(first < second for first, second in pairwise(places))
    assert "│ --show-completion" not in text
    assert text.rstrip().endswith("`kinemacolor --install-completion`")


def test_help_of_all_verbs_fits_a_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb has one line: its first paragraph is short, and what else is to say stands in others."""
    text = show_help("", monkeypatch, capsys)
    verbs = sum(map(len, VERB_PANELS.values()))
    assert len([line for line in text.splitlines() if line.startswith("│")]) == verbs + len(["--version", "--help"])


def test_no_verb_at_all_shows_the_same_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    run([])
    talk = capsys.readouterr()
    assert find_titles(talk.out + talk.err) == ["Options", *VERB_PANELS]


def test_options_of_colorize_stand_as_a_user_looks_for_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = show_help("colorize", monkeypatch, capsys)
    assert find_titles(text) == [
        *("Arguments", "Film and pictures", "Model and colours", "Result", "Machine", "Messages"),
    ]
    order = ["--reference", "--start", "--model", "--size", "--fill", "--output", "--vcodec", "--jobs", "--quiet"]
    places = [re.search(rf"^│[ *]*{flag} ", text, re.MULTILINE).start() for flag in order]  # type: ignore[union-attr]
    assert places == sorted(places)


@pytest.mark.parametrize("words", [words for words in VERBS if words])
def test_few_options_need_no_panels_and_help_is_whole(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command, context = VERBS[words]
    text = show_help(words, monkeypatch, capsys)
    options = [one for one in command.get_params(context) if one.param_type_name == "option"]
    assert ("Options" in find_titles(text)) == (len(options) <= MOST_IN_ONE_PANEL)
    assert all(find_long_flag(one) in text for one in options)
    assert "<bool>" not in text
    assert max(map(len, text.splitlines())) <= 80

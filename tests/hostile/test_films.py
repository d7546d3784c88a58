"""Films that are whole but strange: what is known of each comes out right, and FFmpeg itself says so."""

from collections import Counter
from pathlib import Path

import pytest

from kinemacolor.verification.verify import verify_film
from support.film_facts import FilmFacts, read_facts
from support.films import write_with_chroma
from support.laws import WHOLE, away, find_ending, nothing_else_changes
from support.strange_cases import WHOLE_FILMS, FilmCase

SECONDS_OFF = 0.0016  # containers round times to milliseconds, some twice


@pytest.mark.parametrize("case", WHOLE_FILMS, ids=lambda case: case.name.replace(" ", "-"))
def test_a_strange_film_stays_the_film(case: FilmCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, results = tmp_path / "given", tmp_path / "results"
    given.mkdir()
    results.mkdir()
    source, result = case.make(given), results / f"out{case.output}"
    with away(tmp_path / "away", monkeypatch) as elsewhere, nothing_else_changes(given, results, elsewhere):
        options = {"preset": "ultrafast", **case.encoding}
        ending = find_ending(write_with_chroma, source, result, **options)
        assert ending.kind == WHOLE, ending
        assert [path.name for path in results.iterdir()] == [result.name]
        assert [f"{check.name}: {check.detail}" for check in verify_film(source, result) if not check.passed] == []
    compare(case, read_facts(source), read_facts(result))


def compare(case: FilmCase, source: FilmFacts, result: FilmFacts) -> None:
    """Hold a result to what is known of the case, and to the facts of its source."""
    assert result.frames == case.frames
    assert result.size == source.size
    assert (result.matrix or ()) == (source.matrix or ())
    assert (result.chapters, result.attachments) == (source.chapters, source.attachments)
    for kind, number in case.packets.items():
        assert (kind, result.packets[kind]) == (kind, number)
    for kind in case.keeps:
        assert source.side_data[kind] > 0, "the film of the corpus has it"
        assert (kind, result.side_data[kind]) == (kind, source.side_data[kind])
    if case.fields:
        assert result.fields == Counter({case.fields: case.frames})
    if case.rate:
        usual = sum(abs(step - float(1 / case.rate)) < SECONDS_OFF for step in result.steps)
        assert usual == case.frames - 1, result.steps
    elif len(source.times) == len(result.times) and len(set(source.times)) == len(source.times):
        assert result.steps == pytest.approx(source.steps, abs=SECONDS_OFF)

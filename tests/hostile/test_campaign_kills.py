"""1,000 kills of real processes, resumed to the same bytes; see CONTRIBUTING.md, How to hunt for faults."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.campaign import Tally, numbers, scaled
from support.fork_pool import use_one_thread
from support.kills import measure
from support.laws import judge
from support.quick_jobs import SEGMENT_FRAMES, QuickJob, make_quick_job
from support.quick_model import quick_model

KILLS = 1000
MOST_KILLS = 6  # of one job


@pytest.fixture
def job(tmp_path: Path) -> Iterator[QuickJob]:
    use_one_thread()
    with pytest.MonkeyPatch.context() as patch, quick_model(patch, segment_frames=SEGMENT_FRAMES):
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        yield make_quick_job(tmp_path / "job")


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["colorize", "render"])
def test_killed_jobs_go_on_to_the_same_bytes(verb: str, job: QuickJob) -> None:
    """`render` writes three results that must become final together; `colorize` cleans up behind itself."""
    killing = measure(job, verb)
    tally, kills, wanted = Tally(f"kills of {verb}"), 0, scaled(KILLS // 2)
    for number in numbers(10 * wanted):
        done, words = killing.run_case(number, MOST_KILLS)
        kills += done
        tally.add("jobs", words, "" if words == "same bytes" else str(number))
        if kills >= wanted:
            break
    tally.counts["kills", f"at any of {killing.steps} steps, or at any time of {killing.seconds:.2f} s"] = kills
    tally.report()
    judge(tally.faults)

"""10,000 mutated files, each read in a process that may die of it; see CONTRIBUTING.md, How to hunt for faults."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.campaign import Tally, numbers, scaled
from support.fork_pool import run_forked, use_one_thread
from support.laws import judge
from support.mutated_files import MutatedFiles, is_fault
from support.quick_jobs import FRAMES, SEGMENT_FRAMES, StoppedError, make_quick_job, stop_after
from support.quick_model import quick_model

FILES = 10_000
SECONDS = 60  # that one file may take; a healthy one takes a tenth of one


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[MutatedFiles]:
    """The files, and a job that was stopped."""
    use_one_thread()
    with pytest.MonkeyPatch.context() as patch, quick_model(patch, segment_frames=SEGMENT_FRAMES) as model:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        job = make_quick_job(tmp_path / "job")
        assert job.render() == 0
        whole = job.results
        shutil.rmtree(job.out)
        job.out.mkdir()
        stop_after(model, FRAMES - SEGMENT_FRAMES)
        with pytest.raises(StoppedError):
            job.render()
        shutil.copytree(job.out, tmp_path / "kept")
        yield MutatedFiles(tmp_path, job, tmp_path / "kept", whole)


@pytest.mark.slow
def test_mutated_files_end_in_words_of_ours(cases: MutatedFiles) -> None:
    tally = Tally("mutated files")
    for number, words in run_forked(numbers(scaled(FILES)), cases.try_case, seconds=SECONDS):
        ending = words.split(" | ")[0].split(" [")[0]
        tally.add(cases.kind_of(number), ending, f"{number} {words[len(ending) :][:160]}" if is_fault(words) else "")
    tally.report()
    judge(tally.faults)

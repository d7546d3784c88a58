"""The campaign of mutated files: what is mutated, and what reads each kind."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save

from kinemacolor.cli.main import run
from kinemacolor.references.load import ReferenceReader
from kinemacolor.references.spec import Reference
from kinemacolor.shots.files import read_shots
from kinemacolor.shots.shot import FrameClock
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.checkpoint_files import iter_checkpoint_files, load_tensors
from support.campaign import forget, keep
from support.films import write_with_chroma
from support.laws import FAULT, WHOLE, find_any_ending, fingerprint
from support.mutation import mutate
from support.quick_jobs import FAST, FRAMES, QuickJob
from support.strange_cases import CLOCKS, CONTAINERS, PICTURES, SOUND_AND_TEXT
from support.strange_pictures import WHOLE_PICTURES
from support.strange_texts import FOREIGN_LISTS, RIGHT_LISTS, safetensors_file

SHARES = {"film": 40, "picture": 25, "plan": 10, "list": 10, "weights": 10, "work": 5}  # of a hundred
NOT_MUTATED = ("dv", "dv in avi", "dv in mov", "argb", "prores with alpha", "raw hevc", "HDR10", "y4m")  # large or slow
OUR_ENDINGS = ("InputError", "GrayReferenceError", "UsageError", "WeightsError", "PartialError", "ResourceError")


@dataclass(frozen=True)
class Sample:
    """A file that is mutated: its kind, its name and what is in it."""

    kind: str
    name: str
    content: bytes


class MutatedFiles:
    """Cases by number: a number decides which file is taken, and how it is damaged.

    ``job`` was stopped; ``kept`` is its folder of results as it was then, ``whole`` what it gives in the end.
    """

    def __init__(self, folder: Path, job: QuickJob, kept: Path, whole: dict[str, bytes]) -> None:
        self.folder, self.job, self.kept, self.whole = folder, job, kept, whole
        self.samples = {kind: self._make_samples(kind) for kind in SHARES}
        self.given = folder / "given"
        self.given.mkdir()

    def kind_of(self, number: int) -> str:
        """The kind of a case: shares of every hundred numbers."""
        return [kind for kind, share in SHARES.items() for _ in range(share)][number * 37 % 100]

    def try_case(self, number: int) -> str:
        """Make the file of a number, and have it read; gives the ending, and behind a bar what explains it."""
        chance, kind = Random(number), self.kind_of(number)
        sample = chance.choice(self.samples[kind])
        is_text = kind in ("plan", "list") or sample.name.endswith((".json", ".jsonl"))
        path = self.given / sample.name.replace("/", "_")
        content = mutate(sample.content, chance, is_text=is_text)
        path.write_bytes(content)
        keep(path, number)  # before it is read, or it would be lost with a process that dies of it
        words = getattr(self, f"_try_{kind}")(path, sample)
        if not is_fault(words):
            forget(path, number)
        path.unlink()
        return f"{words} [{sample.name}]"

    def _try_film(self, path: Path, sample: Sample) -> str:
        result = self.folder / "result.mkv"
        result.unlink(missing_ok=True)
        ending = find_any_ending(write_with_chroma, path, result, preset="ultrafast")
        partial = result.with_name("result.partial.mkv")
        if ending.kind != WHOLE and result.exists():
            return f"{FAULT} a name without a whole file after {ending.kind}"
        if ending.kind == WHOLE:
            ending = find_any_ending(verify_film, path, result)
        partial.unlink(missing_ok=True)
        if ending.kind == "UsageError":
            return f"{FAULT} UsageError | {ending.message}"  # the film is damaged: no other option would help
        return f"{ending.kind} | {ending.message}"

    def _try_picture(self, path: Path, sample: Sample) -> str:
        as_film = find_any_ending(_read_film, path)
        as_reference = find_any_ending(lambda: ReferenceReader().load(Reference(path)))
        worst = as_film if as_film.kind.startswith(FAULT) else as_reference
        return f"{worst.kind} | {worst.message}"

    def _try_plan(self, path: Path, sample: Sample) -> str:
        plan = self.job.folder / "mutated.json"
        plan.write_bytes(path.read_bytes())
        made = self.folder / "made"
        made.mkdir()
        before = fingerprint(self.job.folder)
        words = ["render", str(plan), "-o", str(made / "made.mkv"), "--work", str(made / "work"), *FAST]
        ending = find_any_ending(run, words)
        exists = (made / "made.mkv").exists()
        shutil.rmtree(made)
        if fingerprint(self.job.folder) != before:
            return f"{FAULT} an input was changed"
        if ending.kind == WHOLE and exists != (ending.value == 0):
            return f"{FAULT} exit code {ending.value} and {'a' if exists else 'no'} result"
        return f"exit code {ending.value}" if ending.kind == WHOLE else f"{ending.kind} | {ending.message}"

    def _try_list(self, path: Path, sample: Sample) -> str:
        ending = find_any_ending(read_shots, path, FRAMES, FrameClock(Fraction(25), 0, 0.0))
        return f"{ending.kind} | {ending.message}"

    def _try_weights(self, path: Path, sample: Sample) -> str:
        def read() -> None:
            for label, member in iter_checkpoint_files(path.name, path, self.folder):
                load_tensors(label, member)

        ending = find_any_ending(read)
        return f"{ending.kind} | {ending.message}"

    def _try_work(self, path: Path, sample: Sample) -> str:
        shutil.rmtree(self.job.out)
        shutil.copytree(self.kept, self.job.out)
        (self.job.out / sample.name).write_bytes(path.read_bytes())
        ending = find_any_ending(self.job.render)
        if ending.kind != WHOLE:
            return f"{ending.kind} | {ending.message}"
        if ending.value:
            return f"exit code {ending.value}"
        return "same bytes" if self.job.results == self.whole else f"{FAULT} other bytes"

    def _make_samples(self, kind: str) -> Sequence[Sample]:
        return list(getattr(self, f"_{kind}_samples")())

    def _film_samples(self) -> Sequence[Sample]:
        found = []
        for number, case in enumerate([*CONTAINERS, *SOUND_AND_TEXT, *CLOCKS, *PICTURES]):
            if case.name not in NOT_MUTATED:
                folder = self.folder / f"film-{number}"
                folder.mkdir()
                path = case.make(folder)
                found.append(Sample("film", path.name, path.read_bytes()))
                shutil.rmtree(folder)
        return found

    def _picture_samples(self) -> Sequence[Sample]:
        return [Sample("picture", name, make()) for name, (make, _) in WHOLE_PICTURES.items()]

    def _plan_samples(self) -> Sequence[Sample]:
        return [Sample("plan", "film.plan.json", self.job.plan.read_bytes())]

    def _list_samples(self) -> Sequence[Sample]:
        lists = {**RIGHT_LISTS, **FOREIGN_LISTS}
        timeline = self.folder / "shots.otio"
        assert run(["shots", str(self.job.plan), "-o", str(timeline), "-q"]) == 0
        texts = [Sample("list", name, text.encode()) for name, (text, _) in lists.items()]
        return [*texts, *[Sample("list", timeline.name, timeline.read_bytes())] * 6]

    def _weights_samples(self) -> Sequence[Sample]:
        tensors = {"a.weight": torch.randn(3, 4), "a.bias": torch.zeros(3), "n": torch.tensor(4)}
        for name in ("plain.pth", "zipped.pt"):
            torch.save({"state_dict": tensors}, self.folder / name, _use_new_zipfile_serialization=name == "zipped.pt")
        made = {name: (self.folder / name).read_bytes() for name in ("plain.pth", "zipped.pt")}
        made |= {"a.safetensors": save(tensors), "b.safetensors": safetensors_file({"__metadata__": {"parts": "{}"}})}
        return [Sample("weights", name, content) for name, content in made.items()]

    def _work_samples(self) -> Sequence[Sample]:
        files = [path for path in sorted(self.kept.rglob("*")) if path.is_file() and path.parent != self.kept]
        return [
            Sample("work", str(path.relative_to(self.kept)), path.read_bytes())
            for path in files
            if path.stat().st_size and path.name != "lock"
        ]


def is_fault(words: str) -> bool:
    """Whether an ending is none that a user may meet."""
    kind = words.split(" | ")[0].split(" [")[0]
    return not (
        kind in (WHOLE, "same bytes", *OUR_ENDINGS) or kind in {f"exit code {code}" for code in (0, 2, 3, 4, 5, 6)}
    )


def _read_film(path: Path) -> None:
    with VideoReader(path) as reader:
        for _ in reader.iter_blocks(8):
            pass

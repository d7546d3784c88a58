"""What the slow campaigns share: how large they are, from which seed, and the table of how everything ended.

KINEMACOLOR_CAMPAIGN: a factor of all sizes (0.01: a quick look at all of it). KINEMACOLOR_CAMPAIGN_SEED: where numbers
begin; KINEMACOLOR_CAMPAIGN_ONLY: one number, to see again what it gave. KINEMACOLOR_CAMPAIGN_FOLDER: files that fail
are kept there, and counts are written as JSON.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


def scaled(full: int, least: int = 1) -> int:
    """A size of a campaign, by the factor of the environment."""
    return max(least, round(full * float(os.environ.get("KINEMACOLOR_CAMPAIGN", "1"))))


def numbers(count: int) -> list[int]:
    """The numbers of the cases, each the seed of one."""
    only = os.environ.get("KINEMACOLOR_CAMPAIGN_ONLY")
    first = int(os.environ.get("KINEMACOLOR_CAMPAIGN_SEED", "0"))
    return [int(only)] if only else list(range(first, first + count))


@dataclass
class Tally:
    """Endings counted by kind of case; and of every ending that is a fault the first numbers."""

    title: str
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, ending: str, example: str = "") -> None:
        """Count an ending; with an example it is a fault."""
        self.counts[kind, ending] += 1
        if example:
            self.examples.setdefault(f"{kind}: {ending}", []).append(example)

    @property
    def faults(self) -> list[str]:
        """Each fault once, with how often it was, and its first numbers."""
        return [f"{words} ({len(found)} times: {', '.join(found[:3])})" for words, found in self.examples.items()]

    def report(self) -> None:
        """Print the table; write it as JSON where a folder is named."""
        rows = [f"{count:>8}  {kind:<12} {ending}" for (kind, ending), count in sorted(self.counts.items())]
        print(f"\n{self.title}: {sum(self.counts.values())}", *rows, sep="\n")
        if folder := os.environ.get("KINEMACOLOR_CAMPAIGN_FOLDER"):
            content = {
                "title": self.title,
                "counts": [[kind, ending, count] for (kind, ending), count in sorted(self.counts.items())],
                "faults": self.examples,
            }
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{self.title.replace(' ', '-')}.json").write_text(json.dumps(content, indent=1))


def keep(path: Path, number: int) -> None:
    """Keep a file, where a folder is named."""
    if folder := os.environ.get("KINEMACOLOR_CAMPAIGN_FOLDER"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        _kept_path(folder, path, number).write_bytes(path.read_bytes())


def forget(path: Path, number: int) -> None:
    """Take away what `keep` kept: nothing was wrong with it."""
    if folder := os.environ.get("KINEMACOLOR_CAMPAIGN_FOLDER"):
        _kept_path(folder, path, number).unlink(missing_ok=True)


def _kept_path(folder: str, path: Path, number: int) -> Path:
    return Path(folder) / f"{number}-{path.name}"

"""The working tree of the repository around this file, which travels to the GPU machine with every part."""

import hashlib
import os
import subprocess
from pathlib import Path

from gpu_transfer.pieces import print_lines

ROOT = Path(__file__).resolve().parents[2]


def compute_code_digest() -> str:
    """Compute a hash of the code and the recipes that a run depends on; it needs no git, so a copy has it too."""
    total = hashlib.sha256()
    for folder in ("src/kinemacolor", "tools/gpu_transfer"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".toml"):
                total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def describe_commit() -> str:
    """Return the short name of the commit that is checked out, with "+" where files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    return answer.stdout.strip() or "unknown"


def measure_working_tree(excluded: Path) -> int:
    """Count the bytes of all files that git tracks or does not ignore, without those in the folder ``excluded``."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
    paths = {ROOT / os.fsdecode(name) for name in listing.split(b"\0") if name}
    return sum(path.stat().st_size for path in paths if path.is_file() and not path.is_relative_to(excluded))


def exclude_from_git(folder: Path, root: Path = ROOT) -> None:
    """Add a folder of the repository at ``root`` to ``.git/info/exclude``, where git ignores it in this checkout alone.

    A folder outside of the repository needs nothing.
    """
    if not folder.is_relative_to(root):
        return
    command = ["git", "-C", str(root), "rev-parse", "--git-path", "info/exclude"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
    path, line = root / answer, f"/{folder.relative_to(root).as_posix()}/"
    content = path.read_text(encoding="utf-8") if path.is_file() else ""
    if line not in content.splitlines():
        path.parent.mkdir(parents=True, exist_ok=True)
        separator = "" if content.endswith("\n") or not content else "\n"
        path.write_text(f"{content}{separator}{line}\n", encoding="utf-8")
        print_lines(f"{path}: git ignores {line} from now on")

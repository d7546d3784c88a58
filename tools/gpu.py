#!/usr/bin/env python3
"""Training on a GPU that is lent for 30 minutes: to it in parts, back from it in shards. See docs/gpu-queue.md.

    here       wheels, pack    gpu/0, gpu/1, ...: packages, films, weights, the newest checkpoint, a recipe
    on the GPU receive, train, fetch
    here       join            the checkpoint, the log and the weights are in the folder of the run

What travels is one archive, cut into pieces; `index.json` beside each piece tells the sha256 of all. The verbs for
the GPU need nothing but the standard library, and git's copy of the repository around this file.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[1]
HOME = Path("/tmp/kinemacolor-gpu")  # noqa: S108  nobody else is on that machine
MIB = 2**20
CARRIED = 64 * MIB  # the working tree and what is carried with it, for one call
MARGIN = 3 * MIB  # the working tree may grow
LARGEST_PART = 60 * MIB
SHARD, HANDFUL = 15 * MIB, 4  # a call brings back 8 files, 16 MiB each, 64 MiB in all
SPARE_SECONDS = 45  # for the last checkpoint and its shards
QUALITY = 92  # of the JPEG that a larger picture becomes
COPIED = 1 << 20
# What the GPU's machine lacks (KINDS.md of the device), and what they need in the same version
PACKAGES = ("av", "opentimelineio", "platformdirs", "pydantic", "pydantic_core", "annotated-types", "typing_extensions")
PACKAGES += ("typing-inspection",)
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux1")


class Fault(Exception):  # noqa: N818
    """What a person can mend; the message says how."""


# Pieces: a stream cut into files, and the way back


@dataclass
class Cutter:
    """A stream to write to, that becomes the files STEM.000, STEM.001 ... of at most ``limit`` bytes each."""

    folder: Path
    stem: str
    limit: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    _file: BinaryIO | None = None
    _sum: Any = None
    _size: int = 0

    def write(self, data: bytes) -> int:
        """All of ``data``."""
        rest = memoryview(data)
        while rest:
            if self._file is None:
                self._file = (self.folder / f"{self.stem}.{len(self.rows):03}").open("wb")
                self._sum, self._size = hashlib.sha256(), 0
            some = rest[: self.limit - self._size]
            self._file.write(some)
            self._sum.update(some)
            self._size += len(some)
            rest = rest[len(some) :]
            if self._size == self.limit:
                self._end_piece()
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def index(self, name: str) -> dict[str, Any]:
        """What tells of the pieces, when all is written."""
        self._end_piece()
        digests = "".join(row["sha256"] for row in self.rows)
        return {"id": hashlib.sha256(digests.encode()).hexdigest()[:16], "name": name, "pieces": self.rows}

    def _end_piece(self) -> None:
        if self._file is not None:
            path = Path(self._file.name)
            self._file.close()
            self.rows.append({"file": path.name, "sha256": self._sum.hexdigest(), "bytes": self._size})
            self._file = None


class Joined(io.RawIOBase):
    """Pieces, read as the stream that they were cut from."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._rest = iter(list(paths))
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._file is None:
                path = next(self._rest, None)
                if path is None:
                    return 0
                self._file = path.open("rb")
            count = self._file.readinto(buffer)  # type: ignore[attr-defined]
            if count:
                return int(count)
            self._file.close()
            self._file = None


@dataclass
class Archive:
    """A compressed tar, written piece by piece; every name is told once."""

    cutter: Cutter

    def __enter__(self) -> "Archive":
        # JPEG does not shrink, but the headers of 6,000 files do
        self._gzip = gzip.GzipFile(fileobj=self.cutter, mode="wb", compresslevel=1, mtime=0)  # type: ignore[arg-type]
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(self, *error: object) -> None:
        self._tar.close()
        self._gzip.close()

    def add(self, name: str | PurePosixPath, content: Path | bytes) -> None:
        """A file, or its contents."""
        entry = tarfile.TarInfo(str(name))
        if isinstance(content, bytes):
            entry.size = len(content)
            self._tar.addfile(entry, io.BytesIO(content))
            return
        with content.open("rb") as stream:
            entry.size = os.fstat(stream.fileno()).st_size
            self._tar.addfile(entry, stream)


def unpack(pieces: Iterable[Path], folder: Path) -> None:
    """What an archive held, into a folder."""
    stream = io.BufferedReader(Joined(pieces), COPIED)
    try:
        with gzip.GzipFile(fileobj=stream) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            tar.extractall(folder, filter="data")
    except (EOFError, gzip.BadGzipFile, tarfile.TarError) as error:
        raise Fault(f"the archive is damaged ({error}): pack it again") from error


def read_index(path: Path) -> dict[str, Any]:
    """The index at ``path``. Raises Fault."""
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        [(row["file"], row["sha256"], row["bytes"]) for row in index["pieces"]]
    except FileNotFoundError:
        raise Fault(f"{path} is missing: name a folder that came whole") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault(f"{path} is damaged ({error}): bring it again") from error
    return index


def take_in(given: Iterable[Path], folder: Path, again: str, *, forget: bool) -> dict[str, Any]:
    """Whole pieces from the folders ``given`` into ``folder``, which keeps those of one archive. Its index.

    Raises Fault for a damaged piece, and for those of another archive, unless these are to be forgotten.
    """
    index: dict[str, Any] = {}
    for place in given:
        index = read_index(place / "index.json")
        if (folder / "index.json").is_file() and read_index(folder / "index.json")["id"] != index["id"]:
            if not forget:
                raise Fault(f"{folder} has pieces of another archive than {place}: say --forget, and they go")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for row in index["pieces"] if (place / row["file"]).is_file()]
        for row in rows:
            piece = place / row["file"]
            if piece.stat().st_size != row["bytes"] or sha256(piece) != row["sha256"]:
                raise Fault(f"{piece} is damaged, its sha256 is not {row['sha256'][:12]}…: {again}")
            copy(piece, folder / row["file"])
        copy(place / "index.json", folder / "index.json")
    return index


def missing(index: Mapping[str, Any], folder: Path) -> list[int]:
    """The numbers of the pieces that are not in a folder."""
    return [number for number, row in enumerate(index["pieces"]) if not (folder / row["file"]).is_file()]


def pieces_of(index: Mapping[str, Any], folder: Path) -> list[Path]:
    """All of them, in their order."""
    return [folder / row["file"] for row in index["pieces"]]


def sha256(path: Path) -> str:
    """That of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def copy(source: Path, target: Path) -> None:
    """A file that is there whole or not at all."""
    new = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, new)
    new.replace(target)


def dump(content: Mapping[str, Any], path: Path) -> None:
    """As JSON."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


# Here: what goes to the GPU


def wheels(args: argparse.Namespace) -> None:
    """Downloads what the machine with the GPU lacks, for its Python."""
    try:
        wanted = [f"{name}=={version(name)}" for name in PACKAGES]
    except PackageNotFoundError as error:
        raise Fault(f"{error.name} is not installed here: use the environment that trains") from error
    shutil.rmtree(args.output, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", args.output]
    command += ["--python-version", "3.12", "--implementation", "cp"]
    command += [word for name in PLATFORMS for word in ("--platform", f"{name}_x86_64")]
    subprocess.run([*command, *wanted], check=True)  # noqa: S603
    size = sum(path.stat().st_size for path in args.output.iterdir())
    say(f"{args.output}: {len(wanted)} wheels, {size / MIB:.0f} MiB")


def pack(args: argparse.Namespace) -> None:
    """Cuts everything that the GPU needs into gpu/0, gpu/1, ... of the size that a call carries."""
    from kinemacolor.errors import KinemacolorError

    target, tree = args.output, 0
    if not args.part_mib:
        hide(target)
        tree = tree_bytes(target)
    limit = int(args.part_mib * MIB) if args.part_mib else min(LARGEST_PART, CARRIED - MARGIN - tree)
    if limit < MIB and not args.part_mib:
        raise Fault(f"the working tree has {tree / MIB:.0f} MiB: nothing else fits into {CARRIED // MIB} MiB")
    if not args.wheels.is_dir() and not args.no_wheels:
        raise Fault(f"{args.wheels} is missing: `tools/gpu.py wheels` first, or --no-wheels")
    work = target / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    cutter = Cutter(work, "part", limit)
    try:
        with Archive(cutter) as archive:
            told = _fill(archive, args)
    except KinemacolorError as error:
        raise Fault(str(error)) from error
    index = cutter.index(args.name or Path(args.recipe).stem)
    for old in target.iterdir():
        if old.name.isdigit():
            shutil.rmtree(old)
    for number, row in enumerate(index["pieces"]):
        part = target / str(number)
        part.mkdir()
        (work / row["file"]).replace(part / row["file"])
        dump(index, part / "index.json")
    shutil.rmtree(work)
    sizes = ", ".join(f"{row['bytes'] / MIB:.1f}" for row in index["pieces"])
    beside = "" if args.part_mib else f"; the working tree, which goes with each, has {tree / MIB:.1f} MiB"
    say(*told, f"{len(index['pieces'])} parts of {sizes} MiB in {target}{beside}")


def _fill(archive: Archive, args: argparse.Namespace) -> list[str]:
    """Everything into the archive; what to tell of it."""
    from kinemacolor.training.checkpoint import CheckpointFolder, load_checkpoint
    from kinemacolor.training.objective import required_vgg_taps
    from kinemacolor.training.recipe import is_weights_file
    from kinemacolor.training.recipe_file import read_recipe, recipe_to_dict
    from kinemacolor.weights.store import user_folder

    try:
        changes = tomllib.loads("\n".join(args.set))
    except tomllib.TOMLDecodeError as error:
        raise Fault(f"--set wants KEY=VALUE as in a recipe, texts in quotes: {error}") from error
    if args.start:
        changes.setdefault("model", {}).setdefault("start_from", {})[""] = str(args.start.absolute())
    recipe = read_recipe(args.recipe, changes)
    raw = recipe_to_dict(recipe)
    kinds = {kind for kind, share in recipe.clips.kinds.items() if share}
    wanted = recipe.clips.photographs or kinds & {"similar", "wrong"}
    films = args.films or [args.data / "video-train"]
    photographs = (args.photographs or [args.data / "image-train"]) if wanted else []
    validation, shrunk = list(recipe.validation.folders), [0, 0]
    places = {
        kind: [_data(archive, folder, f"data/{kind}-{n}", kind, recipe.clips.size, shrunk) for n, folder in rows]
        for kind, rows in (
            ("film", enumerate([*films, *validation])),
            ("photograph", enumerate(photographs)),
        )
    }
    raw["data"] = {"films": places["film"][: len(films)], "photographs": places["photograph"]}
    raw["validation"]["folders"] = places["film"][len(films) :]
    needed = {"vgg19"} if required_vgg_taps(recipe.losses) else set()
    for number, (at, source) in enumerate(recipe.model.start_from.items()):
        if is_weights_file(source):
            raw["model"]["start_from"][at] = f"start/{number}/{Path(source).name}"
            archive.add(raw["model"]["start_from"][at], Path(source))
        else:
            needed.add(source)
    for name in sorted(needed | ({"kinema"} if "similar" in kinds else set())):
        _weights(archive, name)
    likeness = (args.cache or user_folder() / "training-cache") / "embeddings.npz"
    if likeness.is_file():
        archive.add("cache/embeddings.npz", likeness)
    for wheel in [] if args.no_wheels else sorted(args.wheels.glob("*.whl")):
        archive.add(f"wheels/{wheel.name}", wheel)
    step = 0
    newest = CheckpointFolder(args.run / "checkpoints", 1).find_newest() if args.run else None
    if newest and args.run:
        step = load_checkpoint(newest, recipe)["step"]
        archive.add(f"run/checkpoints/{newest.name}", newest)
        for name in ("log.jsonl", "recipe.json"):
            if (args.run / name).is_file():
                archive.add(f"run/{name}", args.run / name)
    archive.add("recipe.toml", as_toml(raw).encode())
    begun = f"goes on from step {step}" if newest else "begins"
    note = [f"{shrunk[0]} of {sum(shrunk)} sources are larger than needed, and were scaled down"] if shrunk[0] else []
    return [f"{args.recipe} {begun}; {sum(shrunk)} films and photographs", *note]


def _weights(archive: Archive, name: str) -> None:
    """A part that lies in the user's folder; what the package holds travels with the working tree."""
    from kinemacolor.training.initialization import find_stored_part
    from kinemacolor.weights.store import user_folder

    path = find_stored_part(name).path
    home = user_folder() / "weights"
    if path and path.parent == home:
        archive.add(f"home/weights/{path.name}", path)
        archive.add(f"home/weights/{name}.json", home / f"{name}.json")


def _data(archive: Archive, folder: Path, place: str, kind: Any, size: tuple[int, int], counts: list[int]) -> str:
    """A folder of films or photographs, under its own name: what is named by it stays the same. Its new place."""
    from kinemacolor.data.sources import find_sources

    folder = folder.absolute()
    for above, name in ((folder, f"{folder.name}/manifest.csv"), (folder.parent, "manifest.csv")):
        if (above / "manifest.csv").is_file():
            archive.add(f"{place}/{name}", above / "manifest.csv")
    for found in find_sources(folder, kind):
        where = PurePosixPath(place, *found.path.relative_to(folder.parent).parts)
        small = smaller(found.path, kind, size)
        counts[0 if small else 1] += 1
        for name, content in (small or whole(found.path)).items():
            archive.add(where / name if name else where, content)
    return f"{place}/{folder.name}"


def whole(path: Path) -> dict[str, Path | bytes]:
    """The files of a source by their names in it; a file alone has none."""
    from kinemacolor.video.images import find_pictures

    return {file.name: file for file in find_pictures(path)} if path.is_dir() else {"": path}


def smaller(path: Path, kind: str, size: tuple[int, int]) -> dict[str, Path | bytes] | None:
    """JPEGs of the size that training takes, where a source is larger, in pixels and in bytes; else None.

    A film file becomes a folder of the same name. What cannot be read goes as it is, and is told by the trainer.
    """
    import cv2

    from kinemacolor.data.frame_cache import PHOTOGRAPH_SCALE, compute_cover_size
    from kinemacolor.errors import KinemacolorError
    from kinemacolor.video.display import iter_color_frames
    from kinemacolor.video.geometry import resize

    if kind == "photograph":
        size = round(size[0] * PHOTOGRAPH_SCALE), round(size[1] * PHOTOGRAPH_SCALE)
    made: dict[str, Path | bytes] = {}
    try:
        for number, frame in enumerate(iter_color_frames(path)):
            least = compute_cover_size(frame.shape[0], frame.shape[1], size)
            if least[0] * 1.05 >= frame.shape[0]:
                return None
            picture = cv2.cvtColor(resize(frame, least), cv2.COLOR_RGB2BGR)
            coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
            made["" if kind == "photograph" else f"{number:06}.jpg"] = coded
    except KinemacolorError:
        return None
    if len(made) < 2 and kind == "film":
        return None
    before = sum(file.stat().st_size for file in whole(path).values() if isinstance(file, Path))
    return made if sum(map(len, made.values())) < before else None


def as_toml(value: Mapping[str, Any]) -> str:
    """A nest of plain values as a TOML file; None is left out."""

    def inline(value: object) -> str:
        if isinstance(value, Mapping):
            rows = (f"{json.dumps(key)} = {inline(x)}" for key, x in value.items() if x is not None)
            return "{ " + ", ".join(rows) + " }"
        return "[" + ", ".join(map(inline, value)) + "]" if isinstance(value, list | tuple) else json.dumps(value)

    return "".join(f"{key} = {inline(x)}\n" for key, x in value.items() if x is not None)


def tree_bytes(without: Path) -> int:
    """So much travels with every call: tracked files, and those that git does not ignore, but for a folder."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
    paths = {ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name}
    return sum(path.stat().st_size for path in paths if path.is_file() and not path.is_relative_to(without))


def hide(folder: Path, root: Path = ROOT) -> None:
    """A folder of the repository into git's list of what is ignored in this checkout alone."""
    if not folder.is_relative_to(root):
        raise Fault(f"{folder} is not in {root}: only what lies in the repository can be carried")
    command = ["git", "-C", str(root), "rev-parse", "--git-path", "info/exclude"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
    path, line = root / told, f"/{folder.relative_to(root).as_posix()}/"
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if line not in before.splitlines():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{before}{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
        say(f"{path}: git ignores {line} from now on")


# On the machine with the GPU


def receive(args: argparse.Namespace) -> None:
    """Keeps parts until all are there."""
    parts = args.home / "parts"
    if args.forget:
        shutil.rmtree(args.home, ignore_errors=True)
    index = take_in(args.parts, parts, "carry that part again", forget=False)
    lacking = missing(index, parts)
    if lacking:
        say(f"{index['name']}: still to come: {' '.join(f'gpu/{number}' for number in lacking)}")
        return
    say(f"{index['name']}: all {len(index['pieces'])} parts are here")


def train(args: argparse.Namespace) -> None:
    """Trains for so many minutes in all, and puts the first shards of the newest checkpoint into OUT."""
    began, home = time.monotonic(), args.home
    out = _out(args)
    index = read_index(home / "parts" / "index.json") if (home / "parts" / "index.json").is_file() else None
    if index is None:
        raise Fault("nothing has come yet: carry gpu/0 and say `python3 tools/gpu.py receive gpu/0`, and so on")
    lacking = missing(index, home / "parts")
    if lacking:
        raise Fault(f"parts are missing: carry and receive {' '.join(f'gpu/{number}' for number in lacking)} first")
    _unpacked(home, index)
    left = 60 * args.minutes - (time.monotonic() - began) - args.spare
    if left <= 0:
        raise Fault(f"{args.minutes} minutes are too few: {args.spare:.0f} seconds of them are for the checkpoint")
    before = _newest(home)
    code = _trained(args, left)
    newest = _newest(home)
    if newest is None:
        raise Fault(f"no checkpoint was made, and the trainer's exit code is {code}: see above")
    cut = _shards(args, newest, f"{index['name']}-{newest.stem}")
    _hand(args.home, 1, out)
    taken = time.monotonic() - began
    say(f"{newest.stem} (before: {before.stem if before else 'none'}) in {cut} shards, {taken:.0f} s in all")
    if code:
        raise Fault(f"the trainer's exit code is {code}; what it had saved is in {out}")


def fetch(args: argparse.Namespace) -> None:
    """Puts another handful of the shards into OUT."""
    _hand(args.home, args.handful, _out(args))


def _out(args: argparse.Namespace) -> Path:
    place = args.out or os.environ.get("OUT")
    if not place:
        raise Fault("OUT is not set: this runs on the lent machine; elsewhere say --out FOLDER")
    Path(place).mkdir(parents=True, exist_ok=True)
    return Path(place)


def _unpacked(home: Path, index: Mapping[str, Any]) -> None:
    """The archive and its packages, unless they were before."""
    done = home / "unpacked"
    if done.is_file() and done.read_text() == index["id"]:
        return
    unpack(pieces_of(index, home / "parts"), home)
    found = sorted(map(str, (home / "wheels").glob("*.whl")))
    if found:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
        command += ["--no-cache-dir", "--upgrade", "--target", str(home / "site"), *found]
        if subprocess.run(command, check=False).returncode:  # noqa: S603
            raise Fault("the wheels do not fit this Python: see above")
    done.write_text(index["id"])


def _trained(args: argparse.Namespace, seconds: float) -> int:
    """The trainer's exit code; it is asked to stop where it does not by itself."""
    home, paths = args.home, [str(args.home / "site"), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "KINEMACOLOR_HOME": str(home / "home"),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "kinemacolor", "train", home / "recipe.toml", "-o", home / "run"]
    command += ["--cache", home / "cache", "--device", args.device, "--workers", args.workers]
    command += ["--max-minutes", f"{seconds / 60:.3f}", *(["--steps", args.steps] if args.steps else [])]
    with subprocess.Popen([str(word) for word in command], env=environment) as trainer:  # noqa: S603
        try:
            return trainer.wait(seconds + args.spare / 3)
        except subprocess.TimeoutExpired:
            trainer.terminate()  # it ends after the step, with a checkpoint
        try:
            return trainer.wait(args.spare / 3)
        except subprocess.TimeoutExpired:
            trainer.kill()
            return trainer.wait()


def _newest(home: Path) -> Path | None:
    return max((home / "run" / "checkpoints").glob("step-*.pt"), default=None)


def _shards(args: argparse.Namespace, newest: Path, stem: str) -> int:
    """Cuts the checkpoint, the weights, the log and the last filmstrip into shards; how many these are."""
    run, folder = args.home / "run", args.home / "shards"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    checkpoint = newest
    if args.moments != "full":
        checkpoint = folder / "light.pt"
        lighten(newest, checkpoint, args.moments)
    cutter = Cutter(folder, stem, int(args.shard_mib * MIB))
    with Archive(cutter) as archive:
        archive.add(f"checkpoints/{newest.name}", checkpoint)
        strips = sorted((run / "filmstrips").glob("*"))[-1:]
        for path in (run / "recipe.json", run / "log.jsonl", *sorted((run / "weights").glob("*")), *strips):
            if path.is_file():
                archive.add(path.relative_to(run).as_posix(), path)
    if checkpoint != newest:
        checkpoint.unlink()
    dump(cutter.index(stem), folder / "index.json")
    return len(cutter.rows)


def lighten(source: Path, target: Path, moments: str) -> None:
    """A checkpoint with what a solver remembers in bfloat16 (``half``), or without it (``none``): not the same run."""
    import torch

    content = torch.load(source, map_location="cpu", weights_only=True)
    learner = content["learner"]
    for owner in (learner, learner["discriminator"]):
        if owner is None:
            continue
        state = owner["solver"]["state"]
        for row in state.values():
            row |= {key: x.bfloat16() for key, x in row.items() if torch.is_tensor(x) and x.numel() > 1}
        if moments == "none":
            state.clear()
    torch.save(content, target)


def _hand(home: Path, number: int, out: Path) -> None:
    """The index and a handful of shards into a folder."""
    folder = home / "shards"
    index = read_index(folder / "index.json")
    handfuls = -(-len(index["pieces"]) // HANDFUL)
    if not 1 <= number <= handfuls:
        raise Fault(f"there are handfuls 1 to {handfuls}, not {number}")
    for path in pieces_of(index, folder)[(number - 1) * HANDFUL : number * HANDFUL]:
        shutil.copyfile(path, out / path.name)
    shutil.copyfile(folder / "index.json", out / "index.json")
    after = f"; then: python3 tools/gpu.py fetch {number + 1}" if number < handfuls else ""
    say(f"handful {number} of {handfuls} is in OUT{after}")


# Here again


def join(args: argparse.Namespace) -> None:
    """Collects shards; when all are there, puts what they hold into the folder of the run."""
    run = args.run.absolute()
    waiting = run.with_name(f"{run.name}.incoming")
    index = take_in(args.folders, waiting, "fetch that handful again", forget=args.forget)
    lacking = missing(index, waiting)
    if lacking:
        which = " ".join(str(number) for number in sorted({1 + number // HANDFUL for number in lacking}))
        names = ", ".join(index["pieces"][number]["file"] for number in lacking)
        raise Fault(f"still missing: {names} (fetch {which}); what came is kept in {waiting}")
    if run.is_dir() and any(run.iterdir()) and not (run / "recipe.json").is_file():
        raise Fault(f"{run} holds other things than a run: choose another folder")
    unpack(pieces_of(index, waiting), waiting / "whole")
    files = sorted((waiting / "whole").rglob("*"), key=lambda path: "checkpoints" in path.parts)
    for path in [path for path in files if path.is_file()]:  # the checkpoint last: it decides where a run goes on
        target = run / path.relative_to(waiting / "whole")
        target.parent.mkdir(parents=True, exist_ok=True)
        copy(path, target)
    shutil.rmtree(waiting)
    say(f"{run}: {index['name']}, sha256 of all {len(index['pieces'])} shards checked")


def say(*lines: str) -> None:
    """For a person, at once."""
    print(*lines, sep="\n", flush=True)


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = argparse.ArgumentParser(prog="gpu.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = top.add_subparsers(required=True, metavar="VERB")

    def verb(run: Any) -> argparse.ArgumentParser:
        made = verbs.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        made.set_defaults(run_verb=run)
        return made

    gpu = ROOT / "gpu"
    one = verb(wheels)
    one.add_argument("-o", "--output", type=Path, default=gpu / "wheels")
    one = verb(pack)
    one.add_argument("--recipe", required=True, help="a .toml file, or the name of a packaged one")
    one.add_argument("--name", help="of what comes back (default: the recipe's)")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="laid over the recipe; repeat")
    one.add_argument("--start", type=Path, help="weights or checkpoint that the whole model begins with")
    one.add_argument("--data", type=Path, default=ROOT / "../shared/data", help="has video-train and image-train")
    one.add_argument("--films", type=Path, action="append", help="instead of those of --data; repeat")
    one.add_argument("--photographs", type=Path, action="append", help="instead of those of --data; repeat")
    one.add_argument("--run", type=Path, help="a run's folder: its newest checkpoint travels, if there is one")
    one.add_argument("--cache", type=Path, help="of training: what it knows of likeness travels (default: the user's)")
    one.add_argument("--wheels", type=Path, default=gpu / "wheels")
    one.add_argument("--no-wheels", action="store_true")
    one.add_argument("--part-mib", type=float, help="of a part at most (default: what a call can carry)")
    one.add_argument("-o", "--output", type=lambda text: Path(text).resolve(), default=gpu)
    one = verb(receive)
    one.add_argument("parts", type=Path, nargs="+")
    one.add_argument("--forget", action="store_true", help="all that this machine holds, an unfetched run too")
    one.add_argument("--home", type=Path, default=HOME)
    one = verb(train)
    one.add_argument("--minutes", type=float, required=True, help="in all, with unpacking and shards")
    one.add_argument("--device", default="cuda")
    one.add_argument("--workers", type=int, default=14)
    one.add_argument("--steps", type=int, help="in all, whatever the recipe says")
    one.add_argument("--spare", type=float, default=SPARE_SECONDS, help="seconds for checkpoint and shards")
    one.add_argument(
        "--moments",
        choices=("full", "half", "none"),
        default="full",
        help="of the solver, that come back: less is another run",
    )
    one.add_argument("--shard-mib", type=float, default=SHARD / MIB)
    one.add_argument("--home", type=Path, default=HOME)
    one.add_argument("--out", type=Path)
    one = verb(fetch)
    one.add_argument("handful", type=int)
    one.add_argument("--home", type=Path, default=HOME)
    one.add_argument("--out", type=Path)
    one = verb(join)
    one.add_argument("folders", type=Path, nargs="+")
    one.add_argument("-o", "--run", type=Path, required=True)
    one.add_argument("--forget", action="store_true", help="unfinished shards of another time")
    return top


def main(words: list[str] | None = None) -> int:
    """The exit code: 2 for what a person can mend."""
    args = parser().parse_args(words)
    try:
        args.run_verb(args)
    except Fault as error:
        print(f"gpu.py: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Plans, lists of shots, references and files of weights as no program of ours writes them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

Content = dict[str, Any]


def _set(*keys: str | int, to: object) -> Callable[[Content], object]:
    """A change of one value of a plan."""

    def change(plan: Content) -> None:
        inside: Any = plan
        for key in keys[:-1]:
            inside = inside[key]
        inside[keys[-1]] = to

    return change


PLAN_CHANGES: dict[str, Callable[[Content], object]] = {
    "start far away": _set("film", "start_seconds", to=1e30),
    "start behind the end": _set("film", "start_seconds", to=1e6),
    "end before start": _set("film", "end_seconds", to=-1.0),
    "end far away": _set("film", "end_seconds", to=1e300),
    "frames zero": _set("film", "frames", to=0),
    "frames huge": _set("film", "frames", to=10**18),
    "frames beyond numbers": _set("film", "frames", to=10**30),
    "frames a text": _set("film", "frames", to="twelve"),
    "anchors of text": _set("film", "anchors", to=["a"]),
    "anchors huge": _set("film", "anchors", to=[10**19]),
    "anchors back": _set("film", "anchors", to=[500, 400, -3, 0]),
    "anchors none": _set("film", "anchors", to=[]),
    "anchors everywhere": _set("film", "every", to=10**19),
    "path with NUL": _set("film", "path", to="a\0b.mp4"),
    "path empty": _set("film", "path", to=""),
    "path a folder": _set("film", "path", to="."),
    "path long": _set("film", "path", to="x" * 300 + ".mp4"),
    "path very long": _set("film", "path", to="x/" * 5000 + "y.mp4"),
    "path to the system": _set("film", "path", to="/etc/passwd"),
    "path a number": _set("film", "path", to=3),
    "sha256 of nothing": _set("film", "sha256", to=""),
    "model unknown": _set("model", to="\x1b[31m"),
    "weights of text": _set("weights", to={"kinema": "0"}),
    "version 2": _set("version", to=2),
    "key unknown": _set("more", to=1),
    "size huge": _set("options", "short_side", to=10**9),
    "size below": _set("options", "short_side", to=-64),
    "saturation huge": _set("options", "saturation", to=1e308),
    "precision unknown": _set("options", "precision", to="float1"),
    "reference with NUL": lambda plan: plan["references"]["still"].update(path="a\0.png"),
    "reference far behind": lambda plan: plan["references"]["still"].update(frame=10**30),
    "reference below zero": lambda plan: plan["references"]["still"].update(frame=-1),
    "reference is the plan": lambda plan: plan["references"]["still"].update(path="film.plan.json"),
    "references none": _set("references", to={}),
    "shots none": _set("shots", to=[]),
    "shot too long": _set("shots", 0, "last", to=10**18),
    "shot backwards": _set("shots", 0, "first", to=10**6),
    "dissolve huge": _set("shots", 0, "dissolve", to=10**12),
    "certainty NaN": _set("shots", 0, "certainty", to=float("nan")),
    "certainty huge": _set("shots", 0, "certainty", to=1e300),
    "score a text": _set("shots", 0, "references", to={"still": "much"}),
    "name of a reference": _set("shots", 0, "references", to={"../../etc": None}),
}
PLAN_TEXTS: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e999",
    "deep": b"[" * 100_000,
    "deep objects": b'{"film":' * 50_000,
    "half": b'{"kinemacolor": "1", "film": {"path": "film.mp4"',
    "UTF-16": '{"version": 1}'.encode("utf-16"),
    "bytes": bytes(range(128, 256)),
    "twice": b'{"version": 1, "version": 1}',
    "surrogate": b'{"model": "\\ud800"}',
    "long number": b'{"version": ' + b"9" * 100_000 + b"}",
    "NaN": b'{"version": NaN}',
}

HEAD = "TITLE: x\nFCM: NON-DROP FRAME\n"
EVENT = "{n:03} AX V C {a} {b} {a} {b}\n"


def _event(number: int, first: str, last: str) -> str:
    return EVENT.format(n=number, a=first, b=last)


A, B, C = "00:00:00:00", "00:00:00:08", "00:00:00:12"
WHOLE_EDL = HEAD + _event(1, A, B) + _event(2, B, C)
# Lists for a film of 12 frames at 25 a second; those that are right, and with what first frames.
RIGHT_LISTS: dict[str, tuple[str, list[int]]] = {
    "plain.csv": ("first\n0\n8\n", [0, 8]),
    "with-last.csv": ("first,last\n0,7\n8,11\n", [0, 8]),
    "windows.csv": ("\ufefffirst,last\r\n0,7\r\n8,11\r\n", [0, 8]),
    "plain.edl": (WHOLE_EDL, [0, 8]),
    "windows.edl": (WHOLE_EDL.replace("\n", "\r\n"), [0, 8]),
}
# Lists that other programs write (F15): read, once that is mended.
FOREIGN_LISTS: dict[str, tuple[str, list[int]]] = {
    "comment-first.edl": (HEAD + "* COMMENT: x\n" + _event(1, A, B) + _event(2, B, C), [0, 8]),
    "locators.edl": (HEAD + "* LOC: 01:00:00:00 RED\n" + _event(1, A, B) + _event(2, B, C), [0, 8]),
    "speed-first.edl": (HEAD + f"M2   AX   025.0   {A}\n" + _event(1, A, B) + _event(2, B, C), [0, 8]),
    "small-letters.edl": ((HEAD + _event(1, A, B) + _event(2, B, C)).lower(), [0, 8]),
    "hour.edl": (HEAD + _event(1, "01" + A[2:], "01" + B[2:]) + _event(2, "01" + B[2:], "01" + C[2:]), [0, 8]),
    "semicolons.csv": ("first;last\n0;7\n8;11\n", [0, 8]),
    "tabs.csv": ("first\tlast\n0\t7\n8\t11\n", [0, 8]),
    "capitals.csv": ("First,Last\n0,7\n8,11\n", [0, 8]),
    "decimals.csv": ("first,last\n0.0,7.0\n8.0,11.0\n", [0, 8]),
}  # fmt: skip
WRONG_LISTS: dict[str, str | bytes] = {
    "empty.csv": "",
    "head.csv": "first,last\n",
    "gap.csv": "first,last\n0,3\n8,11\n",
    "overlap.csv": "first,last\n0,9\n8,11\n",
    "late.csv": "first\n3\n8\n",
    "behind.csv": "first\n0\n500\n",
    "below.csv": "first\n0\n-8\n",
    "huge.csv": "first\n0\n" + "9" * 5000 + "\n",
    "text.csv": "first\nzero\n",
    "NaN.csv": "first\n0\nnan\n",
    "quotes.csv": 'first\n"0\n8\n',
    "long-field.csv": "first,x\n0," + "y" * 200_000 + "\n8,\n",
    "NUL.csv": "first\n0\0\n8\n",
    "dissolve.csv": "first,dissolve\n0,-4\n8,0\n",
    "dissolve-huge.csv": "first,dissolve\n0,0\n8,999999999999999999999\n",
    "empty.edl": "",
    "text.edl": "Dear editor,\nplease cut at 8.\n",
    "times.edl": HEAD + _event(1, "99:99:99:99", "ab:cd:ef:gh"),
    "backwards.edl": HEAD + _event(1, B, A),
    "short.edl": HEAD + "001 AX V C 00:00:00:00\n",
    "bytes.edl": bytes(range(128, 256)) * 20,
    "number.edl": HEAD + _event(1, A, B).replace("001", "9" * 400),
    "empty.otio": "",
    "list.otio": "[]",
    "number.otio": "1",
    "schema.otio": '{"OTIO_SCHEMA": "Timeline.1"}',
    "unknown.otio": '{"OTIO_SCHEMA": "Nothing.99", "tracks": 3}',
    "clip.otio": '{"OTIO_SCHEMA": "Clip.1", "name": "x"}',
    "tracks.otio": '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [1, null, "x"]}}',
    "deep.otio": '{"a":' * 30_000,
    "rate.otio": json.dumps({
        "OTIO_SCHEMA": "Timeline.1", "name": "x", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [
            {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": [
                {"OTIO_SCHEMA": "Clip.1", "source_range": {"OTIO_SCHEMA": "TimeRange.1",
                 "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 0, "value": 1e308},
                 "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": -1, "value": 5}}}]}]}}),
    "gone.xyz": "first\n0\n",
}  # fmt: skip


def safetensors_file(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file of weights with any header, that claims to be ``length`` bytes long."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _tensor(kind: str = "F32", shape: object = (1,), offsets: object = (0, 4)) -> Content:
    return {"a": {"dtype": kind, "shape": shape, "data_offsets": offsets}}


class _Opener:
    """What a pickle can have called when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.path), "w")


def make_weights(folder: Path) -> dict[str, bytes]:
    """Damaged and strange files of weights; two would open ``folder/ran`` if their code were run."""
    import pickle

    code = pickle.dumps({"state_dict": _Opener(folder / "ran")})
    return {
        "empty.safetensors": b"",
        "short.safetensors": b"\x08\0\0",
        "no-header.safetensors": safetensors_file(b""),
        "length.safetensors": safetensors_file({}, length=2**63),
        "larger.safetensors": safetensors_file({}, length=100_000),
        "text.safetensors": safetensors_file(b"not JSON at all"),
        "list.safetensors": safetensors_file([1, 2]),
        "deep.safetensors": safetensors_file(b"[" * 50_000),
        "behind.safetensors": safetensors_file(_tensor(offsets=(0, 400)), bytes(4)),
        "backwards.safetensors": safetensors_file(_tensor(offsets=(4, 0)), bytes(4)),
        "shape.safetensors": safetensors_file(_tensor(shape=(2**40, 2**40)), bytes(4)),
        "below.safetensors": safetensors_file(_tensor(shape=(-1,)), bytes(4)),
        "dtype.safetensors": safetensors_file(_tensor("F31"), bytes(4)),
        "bytes.safetensors": safetensors_file(bytes(range(128, 256)), bytes(40)),
        "stranger.safetensors": safetensors_file(_tensor(), bytes(4)),
        "code.pt": code,
        "code.pth": b"\x80\x02" + code[2:],
        "text.pt": b"hello",
        "empty.ckpt": b"",
        "zip.pth": b"PK\x03\x04" + bytes(60),
        "stop.pt": b"\x80\x04.",
        "memo.pt": b"\x80\x04h\xff.",
        "empty.zip": b"PK\x05\x06" + bytes(18),
        "bomb.tar": b"\0" * 10240,
    }

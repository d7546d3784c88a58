"""Damage by chance, from a seed: the same seed damages the same file in the same way."""

import re
from collections.abc import Callable
from random import Random

STRANGE_NUMBERS = (
    "0",
    "-1",
    "1e308",
    "-1e308",
    "NaN",
    "Infinity",
    "9" * 30,
    "2147483648",
    "18446744073709551616",
    "0.5",
    "null",
)
STRANGE_TEXTS = ('""', '"\\u0000"', '"' + "x" * 300 + '"', "[]", "{}", "true", '"../../../x"', '"/"')
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def _flip(data: bytearray, chance: Random) -> None:
    for _ in range(chance.choice((1, 1, 1, 2, 8, 40))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: Random) -> None:
    del data[chance.randrange(len(data)) :]


def _remove(data: bytearray, chance: Random) -> None:
    start, length = _block(data, chance)
    del data[start : start + length]


def _insert(data: bytearray, chance: Random) -> None:
    start = chance.randrange(len(data))
    data[start:start] = chance.randbytes(chance.choice((1, 2, 4, 16, 200)))


def _swap(data: bytearray, chance: Random) -> None:
    (a, length), (b, _) = _block(data, chance), _block(data, chance)
    length = min(length, len(data) - max(a, b))
    data[a : a + length], data[b : b + length] = data[b : b + length], data[a : a + length]


def _clear(data: bytearray, chance: Random) -> None:
    start, length = _block(data, chance)
    data[start : start + length] = bytes([chance.choice((0, 0xFF))]) * len(data[start : start + length])


def _repeat(data: bytearray, chance: Random) -> None:
    start, length = _block(data, chance)
    data[start:start] = data[start : start + length] * chance.choice((1, 2, 50))


def _set_number(data: bytearray, chance: Random) -> None:
    """Lengths and counts of binary formats are whole numbers in either order of bytes."""
    size = chance.choice((1, 2, 4, 8))
    start = chance.randrange(max(1, min(len(data) - size, chance.choice((64, 512, len(data))))))
    value = chance.choice(_EDGES) % 256**size
    data[start : start + size] = value.to_bytes(size, chance.choice(("big", "little")))


def _set_text(data: bytearray, chance: Random) -> None:
    """A number, or a text in quotes, becomes a strange one."""
    pattern, strange = chance.choice(((rb"-?\d+(\.\d+)?", STRANGE_NUMBERS), (rb'"[^"]*"', STRANGE_TEXTS)))
    found = list(re.finditer(pattern, data))
    if found:
        one = chance.choice(found)
        data[one.start() : one.end()] = chance.choice(strange + STRANGE_NUMBERS).encode()


def _move_line(data: bytearray, chance: Random) -> None:
    lines = bytes(data).split(b"\n")
    line = lines.pop(chance.randrange(len(lines)))
    for _ in range(chance.choice((0, 1, 2))):
        lines.insert(chance.randint(0, len(lines)), line)
    data[:] = b"\n".join(lines)


def _block(data: bytearray, chance: Random) -> tuple[int, int]:
    return chance.randrange(len(data)), chance.choice((1, 4, 16, 64, 512, 4096))


Damage = Callable[[bytearray, Random], None]
BINARY: tuple[Damage, ...] = (_flip, _flip, _cut, _remove, _insert, _swap, _clear, _repeat, _set_number, _set_number)
TEXT: tuple[Damage, ...] = (
    _flip,
    _cut,
    _remove,
    _insert,
    _set_text,
    _set_text,
    _set_text,
    _move_line,
    _move_line,
    _repeat,
)


def mutate(content: bytes, chance: Random, *, is_text: bool = False) -> bytes:
    """Damage a file once, or a few times."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if data:
            chance.choice(TEXT if is_text else BINARY)(data, chance)
    return bytes(data)

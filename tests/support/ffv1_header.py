"""Reads the header of an FFV1 stream, as RFC 9043 describes it (3.8.1, 4.2): what an archive's validator looks at."""

from typing import NamedTuple

_SYMBOL_STATES = 32
_ONE, _FACTOR, _LARGEST = 1 << 32, int(0.05 * (1 << 32)), 248


class Ffv1Header(NamedTuple):
    """What the configuration record of version 3 says."""

    version: int
    coder: int
    depth: int
    slices: tuple[int, int]
    has_slice_checksums: bool
    is_intra_only: bool


def read_ffv1_header(extradata: bytes) -> Ffv1Header:
    """Read a configuration record of version 3."""
    coded, states = _RangeDecoder(extradata), bytearray([128] * _SYMBOL_STATES)
    version, _, coder = (coded.read_number(states) for _ in range(3))
    assert version == 3
    for _ in range(255 if coder == 2 else 0):  # a table of transitions of its own, for the pictures
        coded.read_number(states, signed=True)
    coded.read_number(states)  # colour space
    depth = coded.read_number(states)
    coded.read_bit(states, 0)  # has chroma
    coded.read_number(states), coded.read_number(states)  # its subsampling
    coded.read_bit(states, 0)  # has alpha
    columns, rows, tables = (coded.read_number(states) + add for add in (1, 1, 0))
    contexts = [_count_contexts(coded) for _ in range(tables)]
    for count in contexts:
        if coded.read_bit(states, 0):  # states to begin with
            inner = bytearray([128] * _SYMBOL_STATES)
            for _ in range(count * _SYMBOL_STATES):
                coded.read_number(inner, signed=True)
    checksums, intra = coded.read_number(states), coded.read_number(states)
    return Ffv1Header(version, coder, depth, (columns, rows), checksums == 1, intra == 1)


def _count_contexts(coded: "_RangeDecoder") -> int:
    """Read a set of five quantization tables."""
    scale = 1
    for _ in range(5):
        states, at, values = bytearray([128] * _SYMBOL_STATES), 0, 0
        while at < 128:
            at += coded.read_number(states) + 1
            values += 1
        scale *= 2 * values - 1
    return (scale + 1) // 2


class _RangeDecoder:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 2
        self._low, self._range = int.from_bytes(data[:2], "big"), 0xFF00
        self._if_one, self._if_zero = _build_transitions()

    def read_bit(self, states: bytearray, at: int) -> bool:
        part = self._range * states[at] >> 8
        self._range -= part
        bit = self._low >= self._range
        if bit:
            self._low, self._range, states[at] = self._low - self._range, part, self._if_one[states[at]]
        else:
            states[at] = self._if_zero[states[at]]
        if self._range < 0x100:
            following = self._data[self._at] if self._at < len(self._data) else 0
            self._range, self._low, self._at = self._range << 8, self._low << 8 | following, self._at + 1
        return bit

    def read_number(self, states: bytearray, *, signed: bool = False) -> int:
        if self.read_bit(states, 0):
            return 0
        exponent = 0
        while self.read_bit(states, 1 + min(exponent, 9)):
            exponent += 1
        number = 1
        for bit in reversed(range(exponent)):
            number = number * 2 + self.read_bit(states, 22 + min(bit, 9))
        return -number if signed and self.read_bit(states, 11 + min(exponent, 10)) else number


def _build_transitions() -> tuple[list[int], list[int]]:
    """Compute which state follows a one, and a zero (the table of RFC 9043, 3.8.1.3)."""
    if_one, probability, last = [0] * 256, _ONE // 2, 0
    for _ in range(128):
        state = max((256 * probability + _ONE // 2) >> 32, last + 1)
        if last and state <= _LARGEST:
            if_one[last] = state
        probability += ((_ONE - probability) * _FACTOR + _ONE // 2) >> 32
        last = state
    for state in range(256 - _LARGEST, _LARGEST + 1):
        if not if_one[state]:
            probability = (state * _ONE + 128) >> 8
            probability += ((_ONE - probability) * _FACTOR + _ONE // 2) >> 32
            if_one[state] = min(max((256 * probability + _ONE // 2) >> 32, state + 1), _LARGEST)
    return if_one, [0] + [256 - if_one[256 - state] for state in range(1, 256)]

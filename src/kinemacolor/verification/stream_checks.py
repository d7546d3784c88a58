"""What is compared stream by stream: packets and their times, languages, titles and flags."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kinemacolor.verification.check import Check
from kinemacolor.verification.facts import FilmHeader, StreamHeader
from kinemacolor.verification.film_reading import KINDS_OF_PACKETS, FilmReading
from kinemacolor.verification.intended import (
    SAME_CODECS,
    explain_missing_key,
    explain_missing_stream,
    has_same_meaning,
    has_times,
    is_own_key,
    list_lasting_flags,
    name_language,
)
from kinemacolor.verification.reading import Reading
from kinemacolor.verification.sound import compare_running_sound, compare_sound
from kinemacolor.verification.times import JUMP_SECONDS, ClockPart, TimePairing

# Containers round to milliseconds, at worst twice; a packet of sound lasts about twenty.
TOLERANCE_SECONDS = 0.0025


@dataclass
class PacketPairing:
    """One stream of both films: packets compared in pairs as they come, so that few wait at a time."""

    source: StreamHeader
    result: StreamHeader
    times: TimePairing = field(default_factory=lambda: TimePairing(JUMP_SECONDS))
    counts: list[int] = field(default_factory=lambda: [0, 0])
    first_other: tuple[int, float] | None = None
    largest_duration_error: float = 0.0

    def pair_waiting(self, source: Reading, result: Reading) -> None:
        """Compare all packets that wait on both sides."""
        ones, others = source.queues[self.source.index], result.queues[self.result.index]
        while ones and others:
            one, other = ones.popleft(), others.popleft()
            if one.digest != other.digest and self.first_other is None:
                self.first_other = (self.counts[0], one.seconds)
            self.counts = [count + 1 for count in self.counts]
            self.times.add(one.seconds, other.seconds)
            self.largest_duration_error = max(self.largest_duration_error, abs(one.duration - other.duration))

    def count_rest(self, source: Reading, result: Reading) -> None:
        """Count the packets that have no partner, once both films are read."""
        self.counts[0] += len(source.queues[self.source.index])
        self.counts[1] += len(result.queues[self.result.index])

    def describe_difference(self, source: Reading, result: Reading, picture_parts: list[ClockPart]) -> str:
        """Say in words what differs; empty if nothing does."""
        same_packets = self.counts[0] == self.counts[1] and self.first_other is None
        if self.source.kind == "audio" and not (same_packets and has_times(result.header)):
            found = self._compare_samples(source, result, picture_parts)
            return f"{self.source.words}: {found}" if found else ""
        if not same_packets:
            where = "" if self.first_other is None else f", number {self.first_other[0]} at {self.first_other[1]:.3f} s"
            return f"{self.source.words}: packets differ ({self.counts[0]} and {self.counts[1]}{where})"
        if self.source.kind == "subtitle" and self.largest_duration_error > TOLERANCE_SECONDS:
            return f"{self.source.words}: shown longer or shorter by up to {self.largest_duration_error:.3f} s"
        largest = max((self._measure_move(part, picture_parts) for part in self.times.parts), default=0.0)
        if largest > TOLERANCE_SECONDS + source.clock_slack:
            return f"{self.source.words}: moved against the pictures by up to {largest:.3f} s"
        return ""

    def _compare_samples(self, source: Reading, result: Reading, picture_parts: list[ClockPart]) -> str:
        streams = source, self.source.index, result, self.result.index
        if has_times(result.header):
            return compare_sound(*streams, picture_parts[0].shift if picture_parts else 0.0)
        return compare_running_sound(*streams, picture_parts[0].source_seconds if picture_parts else 0.0)

    def _measure_move(self, part: ClockPart, picture_parts: list[ClockPart]) -> float:
        """Measure by how much packets of a part moved otherwise than the pictures beside them, in seconds."""
        shifts = [picture.shift for picture in picture_parts] or [0.0]
        if len(self.times.parts) == len(picture_parts):
            shifts = [picture_parts[self.times.parts.index(part)].shift]
        return min(max(abs(part.least - shift), abs(part.most - shift)) for shift in shifts)


def pair_streams(source: FilmHeader, result: FilmHeader) -> tuple[list[PacketPairing], list[StreamHeader]]:
    """Pair the streams of packets of two films: same kind and codec, same language and title if there is such a one.

    Returns the pairs, and the streams of the source that have no partner.
    """
    free = [stream for stream in result.streams if stream.kind in KINDS_OF_PACKETS]
    pairs, alone = [], []
    for stream in source.streams:
        if stream.kind not in KINDS_OF_PACKETS:
            continue
        alike = [other for other in free if _identify(other) == _identify(stream)]
        named = [other for other in alike if _name_stream(other) == _name_stream(stream)]
        if not alike:
            alone.append(stream)
            continue
        partner = (named or alike)[0]
        free.remove(partner)
        pairs.append(PacketPairing(stream, partner))
    for stream in [one for one in alone if one.kind == "audio"]:
        # Sound that a container cannot hold as it is may have been stored as PCM: then its samples are compared.
        as_pcm = [other for other in free if other.kind == "audio" and other.codec.startswith("pcm_")]
        if as_pcm:
            partner = next((other for other in as_pcm if _name_stream(other) == _name_stream(stream)), as_pcm[0])
            free.remove(partner)
            alone.remove(stream)
            pairs.append(PacketPairing(stream, partner))
    return sorted(pairs, key=lambda pair: pair.source.index), alone


def _identify(stream: StreamHeader) -> tuple[str, str]:
    return stream.kind, SAME_CODECS.get(stream.codec, stream.codec)


def _name_stream(stream: StreamHeader) -> tuple[str, str]:
    tags = lower_keys(stream.metadata)
    return name_language(tags.get("language", "und")), tags.get("title") or tags.get("name", "")


def lower_keys(metadata: dict[str, str]) -> dict[str, str]:
    """Return metadata with small letters in their keys: Matroska has capitals."""
    return {key.lower(): value for key, value in metadata.items()}


def iter_stream_checks(
    source: FilmReading,
    result: FilmReading,
    pairs: list[PacketPairing],
    alone: list[StreamHeader],
    picture_parts: list[ClockPart],
) -> Iterator[Check]:
    """Judge the packets of each kind of stream, and the tags of all."""
    if not source.excerpt.is_whole:
        alone = [stream for stream in alone if stream.index in source.indices_in_part]
    for kind in KINDS_OF_PACKETS:
        of_kind = [pair for pair in pairs if pair.source.kind == kind]
        missing = [stream for stream in alone if stream.kind == kind]
        extra = sum(stream.kind == kind for stream in result.header.streams) - len(of_kind)
        if not of_kind and not missing and not extra:
            continue
        found = [pair.describe_difference(source, result, picture_parts) for pair in of_kind]
        reasons = [(stream, explain_missing_stream(stream, result.header)) for stream in missing]
        wrong = [words for words in found if words]
        wrong += [f"{stream.words} is missing" for stream, reason in reasons if not reason]
        wrong += [f"{extra} more than the source has"] if extra else []
        stored_anew = sum(pair.source.codec != pair.result.codec for pair in of_kind)
        what = "sample" if stored_anew else "packet"
        right = [f"{len(of_kind)}, every {what} the same and in its time"] if of_kind else []
        right += [f"{stored_anew} stored as PCM"] if stored_anew else []
        right += [f"{stream.words} is left out: {reason}" for stream, reason in reasons if reason]
        yield Check(f"{kind} streams", not wrong, "; ".join(wrong or right))
    data = [stream for stream in source.header.streams if stream.kind == "data" and stream.codec not in _REMADE]
    if data and not any(stream.kind == "data" and stream.codec not in _REMADE for stream in result.header.streams):
        words = [f"{stream.words} is left out: {explain_missing_stream(stream, result.header)}" for stream in data]
        yield Check("data streams", True, "; ".join(words))
    if pairs or source.header.picture_metadata:
        yield _check_tags(source.header, result.header, pairs)


def list_all_but_pictures(header: FilmHeader) -> list[str]:
    """List in words all that a film has beside its pictures."""
    words = [f"{stream.kind} {stream.words}" for stream in header.streams if stream.codec not in _REMADE]
    words += ["chapters"] if header.chapters else []
    metadata = lower_keys(header.picture_metadata | header.metadata)
    return words + [key for key in metadata if key == "timecode" or not is_own_key(key)]


# Streams that hold what is compared elsewhere: time code, and the titles of chapters in QuickTime.
_REMADE = ("tmcd", "none", "unknown", "bin_data")


def _check_tags(source: FilmHeader, result: FilmHeader, pairs: list[PacketPairing]) -> Check:
    """Judge languages, titles and other metadata of streams, and their flags."""
    described = [("pictures", source.picture_metadata, result.picture_metadata)]
    described += [(pair.source.words, pair.source.metadata, pair.result.metadata) for pair in pairs]
    wrong: list[str] = []
    left_out: list[str] = []
    for words, before, after in described:
        found = lower_keys(after)
        found |= {"title": found.get("title", found.get("name", "")), "name": found.get("name", found.get("title", ""))}
        for key, value in lower_keys(before).items():
            # An empty value, or no language, says as much as no entry.
            if is_own_key(key) or has_same_meaning(key, value, found.get(key, "und" if key == "language" else "")):
                continue
            reason = explain_missing_key(key, value, result)
            (left_out if reason else wrong).append(f"{key} of {words}")
    wrong += _list_lost_flags(result, pairs)
    kept = "kept" + (f"; left out: {result.container} has no place for {', '.join(left_out)}" if left_out else "")
    return Check("stream tags", not wrong, f"lost or changed: {', '.join(wrong)}" if wrong else kept)


def _list_lost_flags(result: FilmHeader, pairs: list[PacketPairing]) -> list[str]:
    """List the flags of streams that a result has lost, or has moved to another stream of the kind."""
    lost = []
    lasting = list_lasting_flags(result)
    for pair in pairs:
        lost += [f"{flag} flag of {pair.source.words}" for flag in (pair.source.flags & lasting) - pair.result.flags]
        of_kind = [other for other in pairs if other.source.kind == pair.source.kind]
        # Where the source marks none, a container marks the first.
        if any("default" in other.source.flags for other in of_kind):
            lost += ["default flag given to another"] * ("default" in pair.result.flags - pair.source.flags)
    return lost

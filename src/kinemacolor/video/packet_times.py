"""Times of single packets: read, moved, cut at a beginning."""

import math
from fractions import Fraction
from typing import TypeAlias

import av

Packet: TypeAlias = "av.Packet[av.stream.Stream]"
_LONGEST_TICK = Fraction(1, 1000)  # seconds


def get_packet_seconds(packet: Packet) -> float:
    """Return when a packet is decoded, in seconds; of sound and subtitles that is when it is heard and shown."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    return float((ticks or 0) * packet.time_base)


def shorten_subtitle(packet: Packet, seconds: float) -> bool:
    """Let a subtitle that begins ``seconds`` (below 0) too early begin in time; gives whether something is left."""
    late = math.ceil(-seconds / packet.time_base)
    if packet.duration is None or packet.duration <= late:
        return False
    packet.pts = None if packet.pts is None else packet.pts + late
    packet.dts = None if packet.dts is None else packet.dts + late
    packet.duration -= late
    return True


def shift_packet(packet: Packet, seconds: float) -> None:
    """Move a packet; its clock becomes finer where its ticks are long, as in AVI, where one lasts a packet of sound."""
    steps = math.ceil(packet.time_base / _LONGEST_TICK)
    packet.time_base /= steps
    ticks = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts * steps + ticks
    packet.dts = None if packet.dts is None else packet.dts * steps + ticks
    packet.duration = None if packet.duration is None else packet.duration * steps

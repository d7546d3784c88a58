"""The codecs that editing programs cut, ProRes and DNxHR: their profiles, and which one a film gets."""

from typing import NamedTuple

from kinemacolor.errors import UsageError
from kinemacolor.video.info import VideoInfo

DNXHR_MIN_SIZE = (256, 120)  # columns and rows (SMPTE ST 2019-1)
# In the header of a frame of DNxHR: the byte with the two bits that say its matrix (ST 2019-1, CLV).
_MATRIX_BYTE, _MATRIX_BITS = 0x2C, 0b110
_MATRICES = {1: 0, 9: 1, 10: 2}  # of ITU-T H.273, as these bits name them
_SAID_ELSEWHERE = 3
_HEADER_BYTES = 0x280


class Profile(NamedTuple):
    """A profile: FFmpeg's names of it, for its encoder and from its decoder, and the pixel format that it stores."""

    option: str
    decoded: str
    pixel_format: str


# By FFmpeg's encoder, then by what a user types. Of each pixel format the first is the one that a film gets.
PROFILES: dict[str, dict[str, Profile]] = {
    "prores_ks": {
        "hq": Profile("hq", "HQ", "yuv422p10le"),
        "standard": Profile("standard", "Standard", "yuv422p10le"),
        "lt": Profile("lt", "LT", "yuv422p10le"),
        "proxy": Profile("proxy", "Proxy", "yuv422p10le"),
        "4444": Profile("4444", "4444", "yuv444p10le"),
        "4444xq": Profile("4444xq", "XQ", "yuv444p10le"),
    },
    "dnxhd": {
        "hq": Profile("dnxhr_hq", "DNXHR HQ", "yuv422p"),
        "sq": Profile("dnxhr_sq", "DNXHR SQ", "yuv422p"),
        "lb": Profile("dnxhr_lb", "DNXHR LB", "yuv422p"),
        "hqx": Profile("dnxhr_hqx", "DNXHR HQX", "yuv422p10le"),
        "444": Profile("dnxhr_444", "DNXHR 444", "yuv444p10le"),
    },
}
# The codecs, by FFmpeg's names of the encoders.
EDITING_CODECS = {"prores_ks": "prores", "dnxhd": "dnxhr"}


def list_pixel_formats(encoder: str, container: str, offered: list[str], wanted: str | None) -> list[str]:
    """List those of an encoder's ``offered`` pixel formats that its profiles store in ``container`` (FFmpeg's name).

    All where it has no profiles, one where the user has ``wanted`` a profile. Raises UsageError for one that there is
    not.
    """
    profiles = PROFILES.get(encoder)
    if profiles is None:
        if wanted:
            raise UsageError(f"{encoder} has no --vprofile: prores and dnxhr have, so leave it out")
        return offered
    if (encoder, container) == ("dnxhd", "mxf"):  # FFmpeg's muxer says of 4:4:4 that it is R'G'B', which ours is not
        profiles = {name: one for name, one in profiles.items() if name != "444"}
    if wanted and wanted not in profiles:
        where = f" in {container}" if wanted in PROFILES[encoder] else ""
        known = ", ".join(profiles)
        raise UsageError(f"{EDITING_CODECS[encoder]} has no profile {wanted!r}{where}: take one of {known}")
    of_profiles = [one.pixel_format for name, one in profiles.items() if wanted in (None, name)]
    return list(dict.fromkeys(of_profiles))


def build_profile_options(encoder: str, pixel_format: str, wanted: str | None, info: VideoInfo) -> dict[str, str]:
    """Return the option of the encoder: the profile that is wanted, or that of the film, or the usual one.

    Empty for an encoder without profiles.
    """
    profiles = PROFILES.get(encoder, {})
    fitting = [one for one in profiles.values() if one.pixel_format == pixel_format]
    if wanted:
        return {"profile": profiles[wanted].option}
    own = [one for one in fitting if one.decoded == info.codec_profile and info.codec in ("prores", "dnxhd")]
    best = next(iter([*own, *fitting]), None)
    return {"profile": best.option} if best else {}


def check_can_be_dnxhr(info: VideoInfo) -> None:
    """Raise UsageError for a film that DNxHR, as FFmpeg writes it, cannot be."""
    columns, rows = DNXHR_MIN_SIZE
    if info.width < columns or info.height < rows:
        raise UsageError(
            f"DNxHR has pictures of {columns}x{rows} at least, the film has {info.width}x{info.height}: "
            "use --vcodec prores"
        )
    if info.is_interlaced:
        raise UsageError("the film is interlaced, and DNxHR is written without fields: use --vcodec prores (.mov)")


def name_dnxhr_matrix(packet: bytes, matrix: int) -> bytes:
    """Return a frame of DNxHR that says the ``matrix`` (ITU-T H.273) of its colours; FFmpeg's says BT.709 of any.

    What the format has no number for is left to the container. Programs believe the frame more than the container.
    """
    if len(packet) < _HEADER_BYTES:
        return packet
    changed = bytearray(packet)
    said = _MATRICES.get(matrix, _SAID_ELSEWHERE)
    changed[_MATRIX_BYTE] = changed[_MATRIX_BYTE] & ~_MATRIX_BITS | said << 1
    return bytes(changed)

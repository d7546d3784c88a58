"""Content Credentials (C2PA) inside of a result: whether it is still as its signer left it.

They are read by the package c2pa, an extra, without network; that they are there at all is seen without it.
"""

import json
from pathlib import Path
from typing import Any

from kinemacolor.errors import translate_read_errors
from kinemacolor.verification.check import Check

_NAME = "credentials"
# How the description of a C2PA store begins (C2PA 2.2, 11.1.4.2), and a box that is in each: one byte breaks only one.
_MARKS = b"jumdc2pa", b"c2pa.signature"
_SEARCHED_BYTES = 1 << 20  # at either end of a file: MP4, PNG and JPEG have it before the pictures, TIFF behind them
_FORMATS = {".mp4": "mp4", ".m4v": "m4v", ".mov": "mov", ".png": "png", ".jpg": "jpg", ".jpeg": "jpg"}
_FORMATS |= {".tif": "tiff", ".tiff": "tiff"}
# What is found of a signer, and says nothing of the film.
_SIGNER_CODES = {
    "signingCredential.untrusted": "whose certificate is on no list of trusted ones here",
    "signingCredential.expired": "whose certificate has expired since",
    "claimSignature.outsideValidity": "whose certificate has expired since",
}
_SETTINGS = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


def check_credentials(result: Path, *, is_expected: bool = False) -> Check | None:
    """Judge the Content Credentials of a result; None where it has none and none are ``is_expected``.

    Raises InputError for an unreadable file.
    """
    kind = _FORMATS.get(result.suffix.lower())
    if kind is None or not result.is_file() or not _has_credentials(result):
        return Check(_NAME, False, "none are inside, and the record says that it was signed") if is_expected else None
    try:
        import c2pa
    except ImportError:
        return Check(_NAME, True, "are inside and were not looked at: pip install 'kinemacolor[credentials]'")
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
        with (
            translate_read_errors(result),
            result.open("rb") as stream,
            c2pa.Reader(kind, stream, context=context) as reader,
        ):
            found = json.loads(reader.json())
    except (c2pa.C2paError, ValueError) as error:
        return Check(_NAME, False, f"are damaged: {error}")
    return _judge(found)


def _has_credentials(path: Path) -> bool:
    with translate_read_errors(path), path.open("rb") as stream:
        begin = stream.read(_SEARCHED_BYTES)
        stream.seek(max(0, path.stat().st_size - _SEARCHED_BYTES))
        end = stream.read()
    return any(mark in part for mark in _MARKS for part in (begin, end))


def _judge(found: dict[str, Any]) -> Check:
    """Judge what the package c2pa says of a file."""
    signature = found.get("manifests", {}).get(found.get("active_manifest"), {}).get("signature_info", {})
    signer = f"signed by {signature.get('common_name') or signature.get('issuer') or 'an unknown signer'}"
    codes = [status.get("code", "?") for status in found.get("validation_status") or ()]
    if faults := [code for code in codes if code not in _SIGNER_CODES]:
        changed = any(code.endswith("mismatch") for code in faults)
        words = "changed after it was signed" if changed else "not valid"
        return Check(_NAME, False, f"{signer}, and {words} ({', '.join(dict.fromkeys(faults))})")
    if not signature:
        return Check(_NAME, False, "not valid: they name no signature")
    doubts = ", and ".join(dict.fromkeys(_SIGNER_CODES[code] for code in codes))
    return Check(_NAME, True, f"unchanged since it was {signer}{', ' * bool(doubts)}{doubts}")

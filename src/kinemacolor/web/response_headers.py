"""Headers of every response: what a browser may load, keep, and show to other sites."""

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import Scope

# Everything comes from this server; nothing written inside a page is run, and no other page may show ours in a frame.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SAME_FOR_ALL = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # a browser may keep it, but asks whether it has changed
}
KEPT_FOR_EVER = "private, max-age=31536000, immutable"
_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


def set_common_headers(headers: MutableHeaders, scope: Scope, status: int) -> None:
    """Add the headers that a response lacks. What has a version in its address (``?v=``) never changes, and is kept."""
    has_version = any(part.startswith(b"v=") for part in scope["query_string"].split(b"&"))
    if has_version and status in (200, 206):
        headers.setdefault("Cache-Control", KEPT_FOR_EVER)
    for name, value in SAME_FOR_ALL.items():
        headers.setdefault(name, value)


def make_report_policy(report: bytes) -> str:
    """Return the policy for a report (`kinemacolor.report`): its own style, the pictures beside it, and no script."""
    digests = [base64.b64encode(hashlib.sha256(style).digest()).decode() for style in _STYLE.findall(report)]
    style = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; img-src 'self'; style-src {style}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    )

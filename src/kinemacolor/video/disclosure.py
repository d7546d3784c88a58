"""What every result says of itself: that its colours are synthetic, and what made them."""

from collections.abc import MutableMapping
from typing import Literal
from xml.sax.saxutils import escape

from kinemacolor._version import __version__

ResultRole = Literal["film", "layer", "confidence"]

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"  # by IPTC
TAG_KEY = "kinemacolor"
_COMMENT_KEY = "comment"
_ORIGIN = (
    f"made by Kinemacolor {__version__} from a black-and-white original "
    f"(IPTC digital source type: {DIGITAL_SOURCE_TYPE.rpartition('/')[2]})."
)
_SUBJECTS: dict[ResultRole, str] = {
    "film": "The colours are synthetic",
    "layer": "These are the colours alone of a film, on middle gray; they are synthetic",
    "confidence": "This shows how sure a model was of the colours that it gave a film; they are synthetic",
}


def describe_result(role: ResultRole = "film") -> str:
    """Return the words of the tag of a result: of a version always the same, as equal jobs make equal files."""
    place = "this file" if role == "film" else "that film"
    return f"{_SUBJECTS[role]}: {_ORIGIN} The record beside {place}, its name and .kinemacolor.json, says how."


def describe_picture() -> str:
    """Return the words of the tag of a preview, beside which lies no record."""
    return f"{_SUBJECTS['film']}: {_ORIGIN}"


def add_tag(metadata: MutableMapping[str, str], words: str, *, takes_any_key: bool) -> None:
    """Add the tag to the metadata of a film, which keeps all that it has.

    A container that has a place for known keys alone gets it as comment, behind the one that stands there.
    """
    key = TAG_KEY if takes_any_key else _COMMENT_KEY
    known = {one.lower(): one for one in metadata}
    if takes_any_key:
        metadata.pop(known.get(TAG_KEY, ""), None)  # of a film that was a result itself
    before = "" if takes_any_key else metadata.get(known.get(key, ""), "")
    if not before.endswith(words):
        metadata[known.get(key, key) if before else key] = f"{before}\n{words}" if before else words


def make_xmp(words: str) -> bytes:
    """Make an XMP packet (ISO 16684-1) with the words, the program and IPTC's digital source type, for pictures."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<xmp:CreatorTool>Kinemacolor {escape(__version__)}</xmp:CreatorTool>
<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(words)}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()

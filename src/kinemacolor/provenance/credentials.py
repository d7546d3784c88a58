"""Content Credentials (C2PA): a result signed by its maker's own certificate, so that a changed byte is found.

They are written by the package c2pa, an extra. Nothing is asked of a network: no time stamp, no list of trusted
signers, no revoked certificates.
"""

import hashlib
import mimetypes
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinemacolor._version import __version__
from kinemacolor.errors import UsageError, translate_read_errors
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.disclosure import DIGITAL_SOURCE_TYPE

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

PASSWORD_VARIABLE = "KINEMACOLOR_KEY_PASSWORD"  # noqa: S105  a name; what is on a command line, all users see
_FORMATS = {".mp4": "mp4", ".m4v": "m4v", ".mov": "mov", ".png": "png", ".jpg": "jpg", ".jpeg": "jpg"}
_FORMATS |= {".tif": "tiff", ".tiff": "tiff"}
_TRIAL_PNG = bytes.fromhex(  # one gray pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63680000008200816c7fc4d00000000049454e44ae426082"
)
_SETTINGS = {
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"backing_store_memory_threshold_in_mb": 64},  # what is larger lies on the disk meanwhile
    "builder": {"thumbnail": {"enabled": False}},
}
_UNTRUSTED = "signingCredential.untrusted"  # on no list of trusted signers, which none here is
_MIN_RSA_BITS = 2048
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class SignedFacts:
    """What a signature says: the name of the result, the gray film that it was made from, and more, ready for JSON."""

    title: str
    source: Path
    more: Mapping[str, object]


class ResultSigner:
    """Signs results. The constructor finds all that can be wrong, by signing a trial in memory.

    ``certificates`` is a file in PEM, the signer's first, its issuers behind it; ``key`` one with its private key,
    without which it is in the file of the certificates. The password of a key is taken from the environment
    (`PASSWORD_VARIABLE`). The key stays in memory, so that a render of hours does not depend on its file.

    Raises UsageError.
    """

    def __init__(self, certificates: Path, key: Path | None = None) -> None:
        try:
            import c2pa
            from cryptography import x509
            from cryptography.hazmat.primitives.serialization import Encoding
        except ImportError as error:
            raise UsageError(f"--credentials wants {error.name}: pip install 'kinemacolor[credentials]'") from error
        self._c2pa: Any = c2pa
        try:
            chain = x509.load_pem_x509_certificates(_read(certificates))
        except ValueError as error:
            raise UsageError(f"{certificates} holds no certificates in PEM: {error}") from error
        self._certificates = b"".join(one.public_bytes(Encoding.PEM) for one in chain)  # its key may lie beside them
        _check_chain(chain, certificates)
        self._key, self._algorithm = _load_key(key or certificates, chain[0], certificates)
        try:
            signed = BytesIO()
            self._sign("png", BytesIO(_TRIAL_PNG), signed, self._build(SignedFacts("trial.png", Path(), {})))
            reader = c2pa.Reader("png", signed, context=self._make_context())
            state, codes = reader.get_validation_state(), reader.get_validation_results() or {}
        except c2pa.C2paError as error:
            raise _refuse(certificates, str(error)) from error
        if state not in ("Valid", "Trusted"):
            failures = codes.get("activeManifest", {}).get("failure", [])
            reasons = [one.get("explanation", one["code"]) for one in failures if one["code"] != _UNTRUSTED]
            raise _refuse(certificates, ", ".join(map(str, reasons)))

    def sign(self, path: Path, room: Path, facts: SignedFacts) -> None:
        """Sign a finished file. The signed one is made in the folder ``room``, and then takes its place.

        Raises UsageError where the file cannot be signed, ResourceError where a disk is full or refuses.
        """
        signed = room / f"signing{path.suffix}"
        with translate_disk_errors(signed):
            try:
                with path.open("rb") as stream, signed.open("w+b") as target:
                    self._sign(_FORMATS[path.suffix.lower()], stream, target, self._build(facts))
                shutil.move(signed, path)
            except self._c2pa.C2paError as error:
                raise UsageError(f"{path} could not be signed ({error}): do without --credentials") from error
            finally:
                signed.unlink(missing_ok=True)

    def _make_context(self) -> Any:
        return self._c2pa.Context(self._c2pa.Settings.from_dict(_SETTINGS))

    def _sign(self, kind: str, stream: Any, target: Any, builder: Any) -> None:
        info = self._c2pa.C2paSignerInfo(
            alg=self._algorithm, sign_cert=self._certificates, private_key=self._key, ta_url=None
        )
        with self._c2pa.Signer.from_info(info) as signer, builder:
            builder.sign(signer, kind, stream, target)

    def _build(self, facts: SignedFacts) -> Any:
        """Build a manifest: what was done to which film, and by what."""
        program = {"name": "kinemacolor", "version": __version__}
        source = {"title": _show_name(facts.source.name), "relationship": "parentOf", "instance_id": "source"}
        painted = {
            "action": "c2pa.color_adjustments",
            "softwareAgent": program,
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "description": "A trained model gave the film colours, by reference pictures. They are synthetic.",
        }
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["source"]}}
        manifest: dict[str, Any] = {
            "claim_generator_info": [program],
            "title": _show_name(facts.title),
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [opened, painted]}},
                {"label": "kinemacolor.colorization", "data": dict(facts.more)},
            ],
        }
        if (kind := _FORMATS.get(facts.source.suffix.lower())) and facts.source.is_file():
            builder = self._c2pa.Builder(manifest, self._make_context())
            try:
                with facts.source.open("rb") as stream:  # which may have credentials of its own: they are kept
                    builder.add_ingredient(source, kind, stream)
                return builder
            except self._c2pa.C2paError:  # named only, as are kinds of films that the package does not read
                builder.close()
        kind = mimetypes.guess_type(facts.source.name)[0] or "application/octet-stream"
        return self._c2pa.Builder({**manifest, "ingredients": [{**source, "format": kind}]}, self._make_context())


def _show_name(name: str) -> str:
    """Return the name of a file for a manifest, which is in UTF-8: with a mark for each byte that is not."""
    return name.encode(errors="replace").decode()


def check_signable(output: Path) -> None:
    """Raise UsageError where a result cannot have Content Credentials inside."""
    if output.suffix.lower() not in _FORMATS:
        wanted = ", ".join(_FORMATS)
        raise UsageError(f"{output.name} cannot hold Content Credentials: name the result {wanted}")


def compute_certificates_sha256(certificates: Path) -> str:
    """Compute the SHA-256 of a file of certificates. Raises UsageError where it does not exist."""
    return hashlib.sha256(_read(certificates)).hexdigest()


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UsageError(f"{path} does not exist: give a file in PEM")
    with translate_read_errors(path):
        return path.read_bytes()


def _check_chain(chain: Sequence["Certificate"], path: Path) -> None:
    """Check that all certificates count today, and that each is issued by the next. Raises UsageError.

    The last may be anyone's: who issued it is in the hands of those who look at results.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    names = [_name_subject(one) for one in chain]
    for number, (one, name) in enumerate(zip(chain, names, strict=True), 1):
        begin, end, now = one.not_valid_before_utc, one.not_valid_after_utc, datetime.now(UTC)
        if not begin <= now <= end:
            word = "has expired" if now > end else "is not valid yet"
            raise UsageError(
                f"certificate {number} in {path} ({name}) {word}: it counts from {begin:%Y-%m-%d} to {end:%Y-%m-%d} "
                f"(UTC); ask who issued it for a new one"
            )
    for number, (one, issuer) in enumerate(pairwise(chain), 1):
        try:
            one.verify_directly_issued_by(issuer)
            may_issue = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            may_issue = False
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
            raise UsageError(
                f"certificate {number + 1} in {path} ({names[number]}) did not issue certificate {number} "
                f"({names[number - 1]}): put yours first, behind it that of who issued it, and so on; "
                f"the last ones may be left out"
            ) from error
        if not may_issue:
            raise UsageError(f"certificate {number + 1} in {path} ({names[number]}) is none that may issue others")


def _name_subject(certificate: "Certificate") -> str:
    """Return whose a certificate is, for a message."""
    from cryptography.x509.oid import NameOID

    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else certificate.subject.rfc4514_string()


def _load_key(path: Path, certificate: "Certificate", certificates: Path) -> tuple[bytes, str]:
    """Return the private key, in PEM without a password, and the name of the algorithm that it signs by."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    data, password = _read(path), os.environ.get(PASSWORD_VARIABLE)
    try:
        try:
            key = forms.load_pem_private_key(data, None)
        except TypeError:  # it has a password
            if password is None:
                raise UsageError(f"the key in {path} has a password: put it into {PASSWORD_VARIABLE}") from None
            key = forms.load_pem_private_key(data, password.encode())
    except UnsupportedAlgorithm as error:
        raise UsageError(f"the key in {path} is of no kind that is known: {error}") from error
    except ValueError as error:
        hint = "or its password is wrong" if password is not None else "name the file of the key with --key"
        raise UsageError(f"{path} holds no private key in PEM, {hint}: {error}") from error
    algorithm = None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = _CURVES.get(key.curve.name)
    elif isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        algorithm = "ps256"
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    if algorithm is None:
        raise UsageError(f"C2PA takes no key as in {path}: it wants P-256, P-384, P-521, Ed25519, or RSA of 2048 bits")
    public = forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*public) != certificate.public_key().public_bytes(*public):
        raise UsageError(f"the key in {path} is not that of the first certificate in {certificates}")
    return key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()), algorithm


def _refuse(certificates: Path, reason: str) -> UsageError:
    return UsageError(
        f"C2PA does not take the certificate in {certificates} ({reason}): it wants one for signing "
        f"(digitalSignature, with an extended key usage such as emailProtection), and its issuers behind it"
    )

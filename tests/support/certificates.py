"""Certificates for signing, made here: a root, an issuer, and one that it has issued, as an archive would buy one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SigningFiles:
    """The chain, the signer's certificate first, and its key."""

    chain: Path
    key: Path


def make_signing_files(
    folder: Path,
    *,
    make_key: Callable[[], Any] | None = None,
    days: tuple[int, int] = (-30, 30),
    issuer_days: tuple[int, int] = (-30, 30),
    for_signing: bool = True,
    may_issue: bool = True,
    password: bytes | None = None,
) -> SigningFiles:
    """Make a chain of three. The signer counts from and to so many ``days`` from now, its issuer ``issuer_days``."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID

    root_key, issuer_key, key = _make_p256(), _make_p256(), (make_key or _make_p256)()
    purpose = ExtendedKeyUsageOID.EMAIL_PROTECTION if for_signing else ExtendedKeyUsageOID.SERVER_AUTH
    chain = [
        _issue("Filmarchiv", key, "Issuer", issuer_key, days, purpose),
        _issue("Issuer", issuer_key, "Root", root_key, issuer_days, None if may_issue else purpose),
        _issue("Root", root_key, "Root", root_key, (-30, 30)),
    ]
    folder.mkdir(exist_ok=True)
    files, pem = SigningFiles(folder / "chain.pem", folder / "key.pem"), serialization.Encoding.PEM
    files.chain.write_bytes(b"".join(one.public_bytes(pem) for one in chain))
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, lock))
    return files


def _issue(subject: str, key: Any, issuer: str, issuer_key: Any, days: tuple[int, int], purpose: Any = None) -> Any:
    """Issue a certificate for a ``purpose``, or to issue others."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        fields = {NameOID.COUNTRY_NAME: "AT", NameOID.ORGANIZATION_NAME: text, NameOID.COMMON_NAME: text}
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in fields.items()])

    issues = purpose is None
    no = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    no |= dict.fromkeys(("encipher_only", "decipher_only"), False)
    use = x509.KeyUsage(digital_signature=not issues, key_cert_sign=issues, crl_sign=issues, **no)
    begin, end = (datetime.now(UTC) + timedelta(days=day) for day in days)
    builder = (
        x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number(), begin, end)
        .add_extension(x509.BasicConstraints(issues, None), True)
        .add_extension(use, True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), True)
    return builder.sign(issuer_key, hashes.SHA256())


def _make_p256() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())

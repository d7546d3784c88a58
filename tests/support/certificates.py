"""Certificates for signing, made here: a root and one that it has issued, as an archive would buy one."""

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
    for_signing: bool = True,
    password: bytes | None = None,
) -> SigningFiles:
    """Make a chain that counts from and to so many ``days`` from now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text: str) -> x509.Name:
        fields = {NameOID.COUNTRY_NAME: "AT", NameOID.ORGANIZATION_NAME: text, NameOID.COMMON_NAME: text}
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in fields.items()])

    def use(*, signs: bool, issues: bool) -> x509.KeyUsage:
        no = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        no |= dict.fromkeys(("encipher_only", "decipher_only"), False)
        return x509.KeyUsage(digital_signature=signs, key_cert_sign=issues, crl_sign=issues, **no)

    root_key, key = ec.generate_private_key(ec.SECP256R1()), (make_key or _make_p256)()
    begin, end = (datetime.now(UTC) + timedelta(days=day) for day in days)
    start = x509.CertificateBuilder().issuer_name(name("Root")).not_valid_before(begin).not_valid_after(end)
    root = (
        start.subject_name(name("Root"))
        .public_key(root_key.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(use(signs=False, issues=True), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    purpose = ExtendedKeyUsageOID.EMAIL_PROTECTION if for_signing else ExtendedKeyUsageOID.SERVER_AUTH
    leaf = (
        start.subject_name(name("Filmarchiv"))
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(use(signs=True, issues=False), True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    files, pem = SigningFiles(folder / "chain.pem", folder / "key.pem"), serialization.Encoding.PEM
    files.chain.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, lock))
    return files


def _make_p256() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())

"""Content Credentials: a signed result is found unchanged, and changed after one byte; no bad certificate gets far."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinemacolor.errors import UsageError
from kinemacolor.provenance.credentials import PASSWORD_VARIABLE, ResultSigner, SignedFacts, check_signable
from kinemacolor.verification.check import Check
from kinemacolor.verification.credentials import check_credentials
from support.certificates import SigningFiles, make_signing_files
from support.films import scene, write_film
from support.plans import save

c2pa = pytest.importorskip("c2pa", reason="the extra `credentials` is not installed")
FACTS = {"source_sha256": "ab" * 32}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SigningFiles:
    return make_signing_files(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def signer(files: SigningFiles) -> ResultSigner:
    return ResultSigner(files.chain, files.key)


def sign(signer: ResultSigner, path: Path, source: Path) -> Path:
    signer.sign(path, path.parent, SignedFacts(path.name, source, FACTS))
    assert not list(path.parent.glob("signing*"))
    return path


def read_manifest(path: Path) -> dict[str, Any]:
    """What another program reads in a file."""
    with path.open("rb") as stream, c2pa.Reader(path.suffix[1:], stream) as reader:
        assert reader.get_validation_state() == "Valid"
        found = json.loads(reader.json())
    manifest: dict[str, Any] = found["manifests"][found["active_manifest"]]
    return manifest


def judge(path: Path) -> Check:
    check = check_credentials(path)
    assert check is not None
    return check


def write(path: Path) -> Path:
    return save(path, scene(0)) if path.suffix in (".png", ".jpg", ".tif") else write_film(path, 6, sound=True)


def test_names_that_are_no_utf_8_are_signed_too(signer: ResultSigner, tmp_path: Path) -> None:
    path = write(tmp_path / "picture.png")
    signer.sign(path, tmp_path, SignedFacts("a\udcff.png", tmp_path / "gray\udcfe.mkv", {}))
    manifest = read_manifest(path)
    assert (manifest["title"], manifest["ingredients"][0]["title"]) == ("a?.png", "gray?.mkv")


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.m4v", "picture.png", "picture.jpg", "picture.tif"])
def test_a_signed_result_is_found_unchanged_and_changed_after_one_byte(
    signer: ResultSigner, tmp_path: Path, name: str
) -> None:
    result, source = write(tmp_path / name), write_film(tmp_path / "gray.mkv", 2)
    assert check_credentials(result) is None
    content = result.read_bytes()
    sign(signer, result, source)
    check = judge(result)
    assert check.passed
    assert "unchanged since it was signed by Filmarchiv, whose certificate is on no list" in check.detail
    signed = bytearray(result.read_bytes())
    at = signed.rindex(content[len(content) // 2 :][:16])  # of the pictures
    signed[at] ^= 1
    result.write_bytes(signed)
    check = judge(result)
    assert not check.passed
    assert "changed after it was signed" in check.detail


def test_it_says_what_was_done_to_which_film(signer: ResultSigner, tmp_path: Path) -> None:
    source = write_film(tmp_path / "gray.mp4", 2)
    manifest = read_manifest(sign(signer, write(tmp_path / "film.mp4"), source))
    data = {one["label"]: one["data"] for one in manifest["assertions"]}
    opened, painted = data["c2pa.actions.v2"]["actions"]
    assert (opened["action"], painted["action"]) == ("c2pa.opened", "c2pa.color_adjustments")
    assert painted["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert painted["softwareAgent"]["name"] == manifest["claim_generator_info"][0]["name"] == "kinemacolor"
    assert data["kinemacolor.colorization"] == FACTS
    (ingredient,) = manifest["ingredients"]
    assert (ingredient["title"], ingredient["relationship"]) == ("gray.mp4", "parentOf")
    assert opened["parameters"]["ingredients"]


def test_credentials_of_the_film_itself_are_kept(signer: ResultSigner, tmp_path: Path) -> None:
    (folder := tmp_path / "gray").mkdir()
    source = sign(signer, write(folder / "scan.mp4"), folder / "none.mkv")
    result = sign(signer, write(tmp_path / "film.mp4"), source)
    (ingredient,) = read_manifest(result)["ingredients"]
    assert ingredient["active_manifest"].startswith("urn:c2pa:")


@pytest.mark.parametrize("name", ["film.mkv", "film.mxf", "scans", "film.avi"])
def test_any_source_can_be_named(signer: ResultSigner, tmp_path: Path, name: str) -> None:
    manifest = read_manifest(sign(signer, write(tmp_path / "out.mp4"), tmp_path / name))
    assert manifest["ingredients"][0]["title"] == name


def make_p384() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP384R1())


def make_secp256k1() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256K1())


def make_rsa() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, 2048)


def make_ed25519() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return ed25519.Ed25519PrivateKey.generate()


@pytest.mark.parametrize("make_key", [make_p384, make_rsa, make_ed25519])
def test_the_algorithm_is_that_of_the_key(tmp_path: Path, make_key: Callable[[], Any]) -> None:
    files = make_signing_files(tmp_path / "keys", make_key=make_key)
    result = write(tmp_path / "film.mp4")
    ResultSigner(files.chain, files.key).sign(result, tmp_path, SignedFacts("film.mp4", tmp_path / "gray.mkv", {}))
    assert judge(result).passed


def test_a_key_may_have_a_password_and_lie_in_one_file_with_the_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make_signing_files(tmp_path, password="grün".encode())
    both = tmp_path / "both.pem"
    both.write_bytes(files.key.read_bytes() + files.chain.read_bytes())
    with pytest.raises(UsageError, match=f"has a password: put it into {PASSWORD_VARIABLE}"):
        ResultSigner(both)
    monkeypatch.setenv(PASSWORD_VARIABLE, "blau")
    with pytest.raises(UsageError, match="password is wrong"):
        ResultSigner(both)
    monkeypatch.setenv(PASSWORD_VARIABLE, "grün")
    ResultSigner(both)
    ResultSigner(files.chain, files.key)


def test_what_cannot_sign_is_told_with_its_reason(files: SigningFiles, tmp_path: Path) -> None:
    other = make_signing_files(tmp_path / "other")
    expired = make_signing_files(tmp_path / "expired", days=(-60, -1))
    early = make_signing_files(tmp_path / "early", days=(1, 60))
    server = make_signing_files(tmp_path / "server", for_signing=False)
    strange = make_signing_files(tmp_path / "strange", make_key=make_secp256k1)
    (text := tmp_path / "text.pem").write_text("no certificate")
    cases = [
        (tmp_path / "none.pem", None, "none.pem does not exist"),
        (text, None, "holds no certificates in PEM"),
        (files.chain, None, "holds no private key in PEM, name the file of the key with --key"),
        (files.chain, text, "holds no private key in PEM"),
        (files.chain, tmp_path, "does not exist: give a file in PEM"),
        (files.chain, other.key, "is not that of the first certificate"),
        (expired.chain, expired.key, "has expired: it counts from .* to "),
        (early.chain, early.key, "is not valid yet"),
        (strange.chain, strange.key, "C2PA takes no key as in"),
        (
            server.chain,
            server.key,
            r"does not take the certificate in .*\(.*\): it wants one for signing",
        ),
    ]
    for chain, key, reason in cases:
        with pytest.raises(UsageError, match=reason):
            ResultSigner(chain, key)


def test_a_chain_leads_from_the_signer_to_who_issued_each(files: SigningFiles, tmp_path: Path) -> None:
    def split(signing: SigningFiles) -> list[str]:
        return [f"{one}-----END CERTIFICATE-----\n" for one in signing.chain.read_text().split("-----END C")[:-1]]

    def write_chain(*certificates: str) -> Path:
        (path := tmp_path / "given.pem").write_text("".join(certificates))
        return path

    leaf, issuer, root = split(files)
    stranger = split(make_signing_files(tmp_path / "stranger"))
    for whole in ((leaf,), (leaf, issuer)):
        ResultSigner(write_chain(*whole), files.key)
    order = "put yours first, behind it that of who issued it, and so on; the last ones may be left out"
    cases = [
        ((leaf, root, issuer), r"certificate 2 in .*given\.pem \(Root\) did not issue certificate 1 \(Filmarchiv\): "),
        ((leaf, root), r"certificate 2 in .* \(Root\) did not issue certificate 1"),
        ((root, issuer, leaf), r"certificate 2 in .* \(Issuer\) did not issue certificate 1 \(Root\)"),
        ((leaf, leaf, issuer), r"certificate 2 in .* did not issue certificate 1"),
        ((leaf, stranger[1]), r"certificate 2 in .* \(Issuer\) did not issue certificate 1"),  # of the same name
        ((leaf, issuer, stranger[2]), r"certificate 3 in .* \(Root\) did not issue certificate 2 \(Issuer\)"),
    ]
    for chain, reason in cases:
        with pytest.raises(UsageError, match=f"{reason}.*{order}"):
            ResultSigner(write_chain(*chain), files.key)
    expired = make_signing_files(tmp_path / "late", issuer_days=(-30, -1))
    with pytest.raises(UsageError, match=r"certificate 2 in .*chain\.pem \(Issuer\) has expired: it counts from"):
        ResultSigner(expired.chain, expired.key)
    none = make_signing_files(tmp_path / "none", may_issue=False)
    with pytest.raises(UsageError, match=r"certificate 2 in .* \(Issuer\) is none that may issue others"):
        ResultSigner(none.chain, none.key)


def test_containers_that_cannot_are_refused_with_those_that_can() -> None:
    check_signable(Path("film.MOV"))
    for name in ("film.mkv", "film.webm", "folder"):
        with pytest.raises(UsageError, match=r"cannot hold Content Credentials: name the result \.mp4, .*\.mov"):
            check_signable(Path(name))


def test_a_signature_outlives_its_certificate(
    signer: ResultSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = sign(signer, write(tmp_path / "film.mp4"), tmp_path / "gray.mkv")
    read = c2pa.Reader.json

    def read_later(reader: Any) -> str:
        found = json.loads(read(reader))
        found["validation_status"].append({"code": "signingCredential.expired"})
        return json.dumps(found | {"validation_state": "Invalid"})

    monkeypatch.setattr(c2pa.Reader, "json", read_later)
    check = judge(result)
    assert check.passed
    assert check.detail.endswith("and whose certificate has expired since")


@pytest.mark.parametrize("name", ["film.mp4", "picture.png", "picture.jpg", "picture.tif"])
def test_credentials_whose_mark_is_broken_are_a_difference(signer: ResultSigner, tmp_path: Path, name: str) -> None:
    result = write(tmp_path / name)
    assert check_credentials(result) is None
    check = check_credentials(result, is_expected=True)
    assert check == Check("credentials", False, "none are inside, and the record says that it was signed")
    content = sign(signer, result, tmp_path / "gray.mkv").read_bytes()
    for at in range(content.index(b"jumdc2pa"), content.index(b"jumdc2pa") + 8):
        result.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert not judge(result).passed


def test_damaged_credentials_are_a_difference(signer: ResultSigner, tmp_path: Path) -> None:
    result = sign(signer, write(tmp_path / "film.mp4"), tmp_path / "gray.mkv")
    content = result.read_bytes()
    at = content.index(b"c2pa.signature")
    for place in (at, at + 200):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        result.write_bytes(changed)
        assert not judge(result).passed
    result.write_bytes(content[: at + 20])
    assert not judge(result).passed


def test_without_the_extra_they_are_seen_and_asking_for_them_is_refused(
    signer: ResultSigner, files: SigningFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = sign(signer, write(tmp_path / "film.mp4"), tmp_path / "gray.mkv")
    monkeypatch.setitem(sys.modules, "c2pa", None)
    check = judge(result)
    assert check.passed
    assert "not looked at: pip install 'kinemacolor[credentials]'" in check.detail
    with pytest.raises(UsageError, match="--credentials wants c2pa: pip install"):
        ResultSigner(files.chain, files.key)

"""What is handed over with results: their record, lists of digests, a bag around them, and who signs them."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.options import DeliveryOptions
from kinemacolor.provenance.credentials import ResultSigner, check_signable, compute_certificates_sha256
from kinemacolor.provenance.fixity import (
    BAG_FILES,
    format_fixity,
    list_files,
    make_bag_files,
    make_fixity_path,
)
from kinemacolor.provenance.record import Record, make_record_path
from kinemacolor.rendering.output_names import check_has_name, check_output_name
from kinemacolor.rendering.ownership import list_locks, make_trial_path
from kinemacolor.utils.bags import PAYLOAD_FOLDER
from kinemacolor.utils.files import compute_file_sha256, sync_path, translate_disk_errors
from kinemacolor.video.output import make_partial_path


def place_in_bag(result: Path, bag: Path | None) -> Path:
    """Return where a result lies: in the payload of the ``bag``, or as named where there is none.

    Raises UsageError for a name that leads elsewhere, and as `check_output_name`: nothing was made of the names yet.
    """
    check_output_name(result)
    if bag is None:
        return result
    check_has_name(bag.absolute(), "a bag")
    folder = bag / PAYLOAD_FOLDER
    if result.parent not in (Path(), folder):
        raise UsageError(f"with --bag the results lie in {folder}: give {result.name} without a folder")
    return folder / result.name


def list_files_beside(results: Sequence[Path], bag: Path | None, *, has_fixity: bool) -> tuple[Path, ...]:
    """List what is written with results, in the order in which it gets its names: the record of the film first."""
    fixity = map(make_fixity_path, results if has_fixity else ())
    tags = [bag / name for name in BAG_FILES] if bag else []
    return (make_record_path(results[0]), *fixity, *tags)


def write_files_beside(
    results: Sequence[Path], digests: Sequence[str], record: Record, bag: Path | None, *, has_fixity: bool
) -> list[str]:
    """Write the partial files of `list_files_beside` for finished results with these digests; gives theirs.

    Nothing is read again but the pictures of a folder. Raises ResourceError where the disk is full or refuses.
    """
    known, written = dict(zip(results, digests, strict=True)), dict[Path, str]()

    def write(path: Path, text: str) -> None:
        write_synced(make_partial_path(path), text)
        written[path] = hashlib.sha256(_encode(text)).hexdigest()

    write(record_path := make_record_path(results[0]), record.to_json())
    for path in results if has_fixity else ():
        listed = {path: known[path]} | ({record_path: written[record_path]} if path == results[0] else {})
        write(make_fixity_path(path), format_fixity({one.name: sha256 for one, sha256 in listed.items()}))
    if bag:
        payload = dict[str, tuple[str, int]]()
        with translate_disk_errors(bag):
            for path, sha256 in (known | written).items():
                partial = make_partial_path(path)
                for name, file in list_files(partial, path.name).items():
                    payload[name] = compute_file_sha256(file) if partial.is_dir() else sha256, file.stat().st_size
        for name, text in make_bag_files(payload).items():
            write(bag / name, text)
    return list(written.values())


def write_synced(path: Path, text: str) -> None:
    """Write a text where nobody looks for it yet. Raises ResourceError where the disk is full or refuses."""
    with translate_disk_errors(path):
        path.write_bytes(_encode(text))
        sync_path(path)


def _encode(text: str) -> bytes:
    """Encode a text in UTF-8, but names in it that are none by their own bytes."""
    return text.encode(errors="surrogateescape")


def check_bag(bag: Path, files: Iterable[Path]) -> None:
    """Check that a bag can be made, of which these files will lie in it: nothing else may, now or later.

    Raises UsageError.
    """
    if not bag.absolute().parent.is_dir():
        raise UsageError(f"the folder {bag.absolute().parent} does not exist: make it first")
    if bag.exists() and not bag.is_dir():
        raise UsageError(f"{bag} is a file: name a new folder with --bag")
    check_bag_names((file.name for file in files), "choose another with -o")
    bag = bag.absolute().parent.resolve() / bag.absolute().name
    payload = bag / PAYLOAD_FOLDER
    whole = [(bag if file.name in BAG_FILES else payload) / file.name for file in files]
    whole += [make_partial_path(file) for file in whole]
    trials = [bag / make_trial_path(file).name for file in whole]
    own = {*whole, *list_locks(whole, bag), *trials, *map(make_record_path, whole)}
    for inside in bag.rglob("*") if bag.is_dir() else ():
        if (inside != payload or inside.is_symlink()) and not own & {inside, *inside.parents}:
            what = f"{bag} has {inside.name} in it, which is no result of this job"
            raise UsageError(f"{what}: take it out, or name a new folder")


def check_bag_names(names: Iterable[str], advice: str) -> None:
    """Check that all programs find files of these names in a bag. Raises UsageError with ``advice``.

    RFC 8493 (2.1.3) encodes some letters; validators decode only some of those, and break lines at others.
    """
    for name in names:
        if name != name.encode(errors="replace").decode():
            raise UsageError(f"the lists of a bag are in UTF-8, which {name!r} is not: {advice}")
        if "%" in name or name.splitlines() != [name]:
            raise UsageError(f"{name!r} has % or a break of lines, which not all programs find in a bag: {advice}")


def open_signer(output: Path, delivery: DeliveryOptions) -> ResultSigner | None:
    """Return who signs a result, None where nobody does.

    Raises UsageError where the result cannot be signed, or not by these certificates.
    """
    if delivery.credentials is None:
        if delivery.key:
            raise UsageError("--key goes with --credentials: give your certificates too")
        return None
    check_signable(output)
    return ResultSigner(delivery.credentials, delivery.key)


def list_undelivered(bag: Path | None, *, has_fixity: bool, is_signed: bool) -> list[str]:
    """Say, in one warning or none, what the partial result of a film that is cut off lacks of what was asked for."""
    asked = {"is not signed": is_signed, "has no .sha256": has_fixity, "lies in no bag": bag is not None}
    lacks = [lack for lack, is_asked in asked.items() if is_asked]
    return [f"the partial result {', '.join(lacks)}, as only what is whole gets that"] if lacks else []


def describe_delivery(delivery: DeliveryOptions) -> dict[str, object]:
    """Return what of the options decides the files that are made; nothing where there are none.

    Raises UsageError for certificates that cannot be read.
    """
    signer = delivery.credentials and compute_certificates_sha256(delivery.credentials)
    return ({"bag": True} if delivery.bag else {}) | ({"certificates": signer} if signer else {})

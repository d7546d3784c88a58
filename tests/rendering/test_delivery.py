"""What is handed over with results: lists of digests, bags, signatures; whole or not at all, as the results are."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kinemacolor.errors import UsageError
from kinemacolor.options import DeliveryOptions, EncodingOptions
from kinemacolor.plan.document import Plan
from kinemacolor.provenance.fixity import format_fixity, list_fixity_names
from kinemacolor.provenance.record import Record
from kinemacolor.rendering import commit, delivery
from kinemacolor.rendering.output import OutputSpec, find_finished_render, make_output_spec
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.verification.verify import verify_film
from support.bags import find_bag_faults
from support.certificates import SigningFiles, make_signing_files
from support.small_renders import Recall, render_small, short_segments, small_plan, stopped_render

__all__ = ["short_segments"]
pytestmark = pytest.mark.usefixtures("short_segments", "home")
ARCHIVE = EncodingOptions(archive=True)
MP4 = EncodingOptions(vcodec="h264")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return small_plan(tmp_path / "project", 12)


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}


def in_bag(path: Path, **options: Path) -> dict[str, object]:
    """The arguments of a render into the bag `bag` beside a plan, with its layer."""
    bag = path.with_name("bag")
    spec = make_output_spec(Path("out.mkv"), ARCHIVE, DeliveryOptions(bag=bag, **options), Path("layer.mkv"))
    return {"name": str(spec.output), "layer": spec.layer, "encoding": ARCHIVE, "delivery": spec.delivery}


def finished(path: Path, target: dict[str, object]) -> bool:
    given = {key: one for key, one in target.items() if key != "name"}
    spec = OutputSpec(path.parent / str(target["name"]), **given)  # type: ignore[arg-type]
    return find_finished_render(Plan.read(path), spec, path.with_name("film.plan.work")) is not None


def test_sha256sum_checks_an_archived_film_its_layer_and_its_record(path: Path) -> None:
    folder, layer = path.parent, path.with_name("layer.mkv")
    before = names(folder)
    render_small(path, encoding=ARCHIVE, layer=layer)
    made = {"out.mkv", "out.mkv.sha256", "out.mkv.kinemacolor.json", "layer.mkv", "layer.mkv.sha256"}
    assert {name for name in names(folder) - before if "work/" not in name} == made
    digests = dict(line.split("  ")[::-1] for line in (folder / "out.mkv.sha256").read_text().splitlines())
    assert digests == {name: compute_file_sha256(folder / name) for name in ("out.mkv", "out.mkv.kinemacolor.json")}
    if sys.platform == "linux":
        check = ["sha256sum", "--strict", "-c", "out.mkv.sha256", "layer.mkv.sha256"]
        assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 0
        content = bytearray(layer.read_bytes())
        content[len(content) // 2] ^= 1
        layer.write_bytes(content)
        done = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, "layer.mkv: FAILED" in done.stdout) == (1, True)


def test_digests_and_record_that_were_taken_away_are_made_again(path: Path) -> None:
    target, folder = {"name": "out.mkv", "encoding": ARCHIVE}, path.parent
    render_small(path, encoding=ARCHIVE)
    beside = folder / "out.mkv.sha256", folder / "out.mkv.kinemacolor.json"
    made = [file.read_bytes() for file in beside]
    for taken in (beside[:1], beside[1:], beside):
        for file in taken:
            file.unlink()
        assert finished(path, target)
        assert [file.read_bytes() for file in beside] == made
    beside[0].write_text("mine")
    assert not finished(path, target)
    assert not list(folder.glob(".*"))


def test_what_is_replaced_leaves_no_digests_and_a_word_of_what_loses_its_record(path: Path) -> None:
    folder, layer = path.parent, path.with_name("layer.mkv")
    render_small(path, encoding=ARCHIVE, layer=layer)
    mine = f"{'0' * 64}  out.mkv\n{'0' * 64}  mine.txt\n"
    report = render_small(path, overwrite=True)
    assert not (folder / "out.mkv.sha256").exists()
    assert {"layer.mkv", "layer.mkv.sha256"} <= names(folder)
    assert [word for word in report.warnings if word.startswith("layer.mkv, of an earlier job, has no record any more")]
    (folder / "out.mkv.sha256").write_text(mine)
    assert not [word for word in render_small(path, overwrite=True, layer=layer).warnings if "no record" in word]
    assert (folder / "out.mkv.sha256").read_text() == mine
    assert not (folder / "layer.mkv.sha256").exists()


@pytest.mark.parametrize("name", ["film.mkv", "a\\b", "a\nb\rc", "\\n", " * "])
def test_lists_of_digests_give_their_names_back(name: str) -> None:
    text = format_fixity({name: "0" * 64, "b": "1" * 64})
    assert list_fixity_names(text) == {name, "b"}
    assert not list_fixity_names(f"{text}mine\n")
    assert not list_fixity_names("")


def test_results_in_a_bag_are_whole_and_a_changed_byte_is_found(path: Path) -> None:
    target, bag = in_bag(path), path.with_name("bag")
    render_small(path, **target)  # type: ignore[arg-type]
    payload = {"out.mkv", "out.mkv.sha256", "out.mkv.kinemacolor.json", "layer.mkv", "layer.mkv.sha256"}
    assert names(bag) == {f"data/{name}" for name in payload} | set(delivery.BAG_FILES)
    assert not find_bag_faults(bag)
    checks = verify_film(path.with_name("film.mkv"), bag / "data" / "out.mkv")
    assert not [check for check in checks if not check.passed]
    assert Record.read(bag / "data" / "out.mkv.kinemacolor.json").results[0].name == "out.mkv"
    assert finished(path, target)
    with pytest.raises(UsageError, match=r"exists: name another result with -o, or add --overwrite"):
        render_small(path, **target)  # type: ignore[arg-type]
    render_small(path, overwrite=True, **target)  # type: ignore[arg-type]
    assert not find_bag_faults(bag)
    content = bytearray((bag / "data" / "layer.mkv").read_bytes())
    content[-1] ^= 1
    (bag / "data" / "layer.mkv").write_bytes(content)
    assert "layer.mkv" in find_bag_faults(bag)
    (bag / "bagit.txt").unlink()
    assert not finished(path, target)


def test_a_folder_of_pictures_can_lie_in_a_bag(path: Path) -> None:
    bag = path.with_name("bag")
    spec = make_output_spec(Path("out"), EncodingOptions(vcodec="png"), DeliveryOptions(bag=bag))
    render_small(path, str(spec.output), encoding=spec.encoding, delivery=spec.delivery)
    assert len(list((bag / "data" / "out").iterdir())) == 12
    assert not find_bag_faults(bag)
    render_small(path, "alone", encoding=EncodingOptions(vcodec="png"))
    in_a_bag = {"name": str(spec.output), "encoding": spec.encoding, "delivery": spec.delivery}
    alone = {"name": "alone", "encoding": spec.encoding}
    assert (finished(path, in_a_bag), finished(path, alone)) == (True, True)
    for folder in (bag / "data" / "out", path.with_name("alone")):
        (folder / ".DS_Store").write_text("what file managers leave")
    assert (finished(path, in_a_bag), finished(path, alone)) == (False, True), "in a bag every file counts"


def test_a_stopped_render_into_a_bag_goes_on_to_the_same_bytes(path: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(path.parent, tmp_path / "other")) / path.name
    stopped_render(path, 5, **in_bag(path))  # type: ignore[arg-type]
    bag, expected = path.with_name("bag"), other.with_name("bag")
    assert not (bag / "bagit.txt").exists()
    for folder in (path, other):
        render_small(folder, **in_bag(folder))  # type: ignore[arg-type]
    for name in ("out.mkv", "layer.mkv", "layer.mkv.sha256"):
        assert (bag / "data" / name).read_bytes() == (expected / "data" / name).read_bytes()
    assert not find_bag_faults(bag)


def test_a_bag_that_is_written_over_is_none_until_all_is_new(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, bag = in_bag(path), path.with_name("bag")
    render_small(path, **target)  # type: ignore[arg-type]
    check_free, left = commit._check_free, [3]

    def stop(*given: Path, overwrite: bool) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        check_free(*given, overwrite=overwrite)

    with monkeypatch.context() as patch:
        patch.setattr(commit, "_check_free", stop)  # as the third of the results gets its name
        with pytest.raises(KeyboardInterrupt):
            render_small(path, overwrite=True, **target)  # type: ignore[arg-type]
    assert not (bag / "bagit.txt").exists()
    assert finished(path, {**target, "overwrite": True})
    assert not find_bag_faults(bag)


def test_no_other_job_writes_into_a_bag(path: Path) -> None:
    bag = path.with_name("bag")
    render_small(path, **in_bag(path))  # type: ignore[arg-type]
    (bag / "data" / "deeper").mkdir()
    for name in ("bag/data/other.mkv", "bag/data/deeper/other.mkv"):
        with pytest.raises(UsageError, match="would make the bag that it lies in invalid: name a result outside"):
            render_small(path, name)
    (bag / "data" / "deeper").rmdir()
    inner = make_output_spec(Path("out.mkv"), None, DeliveryOptions(bag=bag / "data" / "inner"))
    with pytest.raises(UsageError, match="would make the bag"):
        render_small(path, str(inner.output), delivery=inner.delivery)
    with pytest.raises(UsageError, match="would make the bag"):
        render_small(path, layer=bag / "data" / "other.mkv")
    assert not find_bag_faults(bag)


def test_a_bag_takes_nothing_else_in(path: Path) -> None:
    bag = path.with_name("bag")
    target = in_bag(path)
    (bag / "data").mkdir(parents=True)
    (bag / "data" / "mine.txt").touch()
    with pytest.raises(UsageError, match=r"mine\.txt in it, which is no result of this job"):
        render_small(path, **target)  # type: ignore[arg-type]
    shutil.rmtree(bag)
    bag.touch()
    with pytest.raises(UsageError, match="is a file: name a new folder"):
        render_small(path, **target)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="does not exist: make it first"):
        delivery.check_bag(path.with_name("none") / "bag", ())
    for wrong in (Path("folder/out.mkv"), Path("/tmp/out.mkv")):
        with pytest.raises(UsageError, match=r"give out\.mkv without a folder"):
            make_output_spec(wrong, delivery=DeliveryOptions(bag=bag))


def test_a_key_alone_signs_nothing(path: Path) -> None:
    with pytest.raises(UsageError, match="--key goes with --credentials"):
        render_small(path, delivery=DeliveryOptions(key=path))


class TestSigned:
    """With the extra."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> SigningFiles:
        pytest.importorskip("c2pa", reason="the extra `credentials` is not installed")
        return make_signing_files(tmp_path / "certificates")

    @pytest.fixture
    def signed(self, files: SigningFiles) -> dict[str, object]:
        return {"encoding": MP4, "delivery": DeliveryOptions(credentials=files.chain, key=files.key)}

    def test_a_signed_film_passes_and_a_changed_byte_is_found(self, path: Path, signed: dict[str, object]) -> None:
        target = {"name": "out.mp4", **signed}
        render_small(path, **target)  # type: ignore[arg-type]
        film, result = path.with_name("film.mkv"), path.with_name("out.mp4")
        checks = verify_film(film, result)
        assert not [check for check in checks if not check.passed]
        (detail,) = (check.detail for check in checks if check.name == "credentials")
        assert "unchanged since it was signed by Filmarchiv" in detail
        record = Record.read(result.with_name("out.mp4.kinemacolor.json"))
        assert record.results[0].sha256 == compute_file_sha256(result)
        assert record.source.sha256.encode() in result.read_bytes()
        assert finished(path, target)
        assert not [name for name in names(path.with_name("film.plan.work")) if "signing" in name]
        content = bytearray(result.read_bytes())
        content[len(content) // 2] ^= 1
        result.write_bytes(content)
        failed = {check.name for check in verify_film(film, result) if not check.passed}
        assert "credentials" in failed

    def test_other_certificates_make_another_result(
        self, path: Path, signed: dict[str, object], tmp_path: Path
    ) -> None:
        render_small(path, "out.mp4", **signed)
        other = make_signing_files(tmp_path / "other")
        unsigned = {"name": "out.mp4", "encoding": MP4}
        assert not finished(path, unsigned)
        assert not finished(path, {**unsigned, "delivery": DeliveryOptions(credentials=other.chain, key=other.key)})

    def test_a_signed_film_can_lie_in_a_bag_and_goes_on_where_it_was_stopped(
        self, path: Path, files: SigningFiles
    ) -> None:
        bag = path.with_name("bag")
        spec = make_output_spec(Path("out.mp4"), MP4, DeliveryOptions(bag, files.chain, files.key))
        target = {"encoding": MP4, "delivery": spec.delivery}
        stopped_render(path, 5, str(spec.output), **target)
        render_small(path, str(spec.output), Recall(), **target)
        assert not find_bag_faults(bag)
        checks = verify_film(path.with_name("film.mkv"), bag / "data" / "out.mp4")
        assert {check.passed for check in checks} == {True}

    def test_what_cannot_be_signed_is_refused_before_the_first_frame(
        self, path: Path, signed: dict[str, object], files: SigningFiles
    ) -> None:
        with pytest.raises(UsageError, match=r"out\.mkv cannot hold Content Credentials: name the result \.mp4"):
            render_small(path, "out.mkv", **{**signed, "encoding": ARCHIVE})
        files.key.write_text("nothing")
        model = Recall(0)  # stops at the first frame
        with pytest.raises(UsageError, match="holds no private key in PEM"):
            render_small(path, "out.mp4", model, **signed)
        files.chain.unlink()
        with pytest.raises(UsageError, match=r"chain\.pem does not exist"):
            render_small(path, "out.mp4", model, **signed)
        assert not path.with_name("out.partial.mp4").exists()


def test_a_bag_takes_no_name_that_is_no_utf_8(path: Path) -> None:
    with pytest.raises(UsageError, match="the lists of a bag are in UTF-8"):
        delivery.check_bag(path.with_name("bag"), [path.with_name("bag\udcff.mkv")])

"""What is said of the package to those who install it: links, licences, files."""

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, HATCH = PYPROJECT["project"], PYPROJECT["tool"]["hatch"]
HOME = PROJECT["urls"]["Homepage"]
LINK = re.compile(r"\]\(([^)\s]+)\)|<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\"")


def is_left_out(path: str) -> bool:
    """Whether the source distribution, from which these tests may run too, lacks this."""
    return any(fnmatch(f"/{path}", pattern) for pattern in HATCH["build"]["targets"]["sdist"]["exclude"])


@pytest.fixture(scope="module")
def readme_on_pypi() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for rule in HATCH["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    return text


def test_every_link_and_picture_on_pypi_is_absolute_and_there(readme_on_pypi: str) -> None:
    targets = [one or other for one, other in LINK.findall(readme_on_pypi)]
    assert len(targets) == len(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))) > 10
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    ours = [target for target in targets if target.startswith(HOME)]
    assert ours
    for target in ours:
        kind, path = re.fullmatch(rf"{re.escape(HOME)}/(blob|raw)/main/([^#]+)(?:#.*)?", target).groups()  # type: ignore[union-attr]
        assert (ROOT / path).exists() or is_left_out(path), target
        assert (kind == "raw") == (Path(path).suffix in {".jpg", ".png", ".svg"})


def test_one_address_is_home() -> None:
    assert all(address.startswith(HOME) for address in PROJECT["urls"].values())
    assert f'repository-code: "{HOME}"\n' in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_licence_has_its_text_and_its_notice() -> None:
    names = set(PROJECT["license"].split(" AND "))
    assert names == {path.stem for path in (ROOT / "LICENSES").iterdir()}
    assert all(list(ROOT.glob(pattern)) for pattern in PROJECT["license-files"])
    assert (ROOT / "LICENSE").read_text(encoding="utf-8") == (ROOT / "LICENSES/MIT.txt").read_text(encoding="utf-8")
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8").replace("CC BY-SA 4.0", "CC-BY-SA-4.0")
    assert all(f"| {name}" in notices for name in names - {"MIT"})


def test_the_source_distribution_has_all_that_lies_beside_the_package() -> None:
    patterns = HATCH["build"]["targets"]["sdist"]["include"]
    assert all(list(ROOT.glob(pattern.lstrip("/"))) for pattern in patterns)
    told = {path.name for pattern in patterns for path in ROOT.glob(pattern.lstrip("/"))}
    suffixes = {".md", ".cff", ".lock", ".yml"}
    here = {path.name for path in ROOT.iterdir() if path.suffix in suffixes or "ocker" in path.name}
    assert here <= told


def test_the_lock_has_every_dependency_within_its_bounds() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    locked = {canonicalize_name(name): Version(version) for name, version, _ in blocks}
    assert len(locked) == len(re.findall(r"^[^#\s]", text, re.MULTILINE))  # so each has hashes
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["web"], *extras["openvino"], *PYPROJECT["build-system"]["requires"]]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement
    assert locked["torch"].local == "cpu"
    assert not [name for name in locked if name.startswith("nvidia-")]


def test_the_container_takes_what_is_locked_and_nothing_else() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    first, second = re.findall(r"pip install .*", dockerfile)
    assert "--require-hashes" in first
    assert {"--no-deps", "--no-index", "--no-build-isolation"} <= set(second.split())
    assert re.search(r"^USER [1-9]\d*$", dockerfile, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    needed = {pattern.split("/")[0] for pattern in PROJECT["license-files"]} | {"src", "pyproject.toml", "README.md"}
    assert {f"!{name}" for name in needed | {"requirements.lock"}} <= set(ignored)


def _row(text: str, columns: str, name: str) -> dict[str, str]:
    """The row of a table under this line of columns, by column."""
    lines = text[text.index(columns) :].splitlines()
    line = next(line for line in lines if line.replace("*", "").startswith(f"| {name} |"))
    return dict(zip(_cells(columns), _cells(line), strict=True))


def _cells(line: str) -> list[str]:
    return [cell.strip(" *") for cell in line.strip().strip("|").split("|")]


def test_the_model_card_says_what_was_measured_of_the_weights_that_ship() -> None:
    card = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
    weights = json.loads((ROOT / "src/kinemacolor/assets/weights.json").read_text(encoding="utf-8"))["kinema"]
    assert f"| sha256 | `{weights['sha256']}` |" in card
    assert f"| licence | {weights['licence']} (" in card
    assert f"\nlicense: {weights['licence'].lower()}\n" in card
    models = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    (parameters,) = re.findall(r"^\| `kinema` \| ([\d,]+) \|", models, re.MULTILINE)
    assert f"; {parameters} parameters, " in card
    for count in re.findall(r"\d+ clips|[\d,]+ photographs", weights["trained_on"]):
        assert f"| {count.split()[0]}; " in card
    results = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    columns = next(line for line in card.splitlines() if line.startswith("| films |"))
    for films in ("13 DAVIS films", "all 18 films"):
        measured = _row(
            results, next(line for line in results.splitlines() if line.startswith(f"| {films} |")), "kinema"
        )
        told = _row(card, columns, films)
        assert all(measured[name] == value for name, value in told.items() if name != "films"), films

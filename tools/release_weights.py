"""Put the weights of a training run into weights/: int8, with licence and provenance, and a row of the manifest.

python tools/release_weights.py ../runs/color2embed/weights/color2embed.safetensors --card docs/training/published.md
"""

import argparse
import json
import os
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.weights.int8_form import pack_int8

ROOT = Path(__file__).parents[1]
OWN_LICENCE = "Apache-2.0"
BEGUN_LICENCES = {"color2embed-encoder": "Apache-2.0; begun with VGG19 (University of Oxford, CC BY 4.0)"}
MAX_BYTES = 95_000_000  # of a file in the repository


def main() -> None:
    """Write the file, and the manifest with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="safetensors file of a run")
    parser.add_argument("--card", required=True, help="page of docs/ that says how they were trained")
    parser.add_argument("--folder", type=Path, default=ROOT / "weights")
    arguments = parser.parse_args()
    row = release(arguments.weights, arguments.card, arguments.folder)
    print(json.dumps(row, indent=2))


def release(weights: Path, card: str, folder: Path) -> dict[str, object]:
    """Write ``weights`` as a file of ``folder``; gives its row of the manifest there, ``manifest.json``."""
    with safe_open(weights, framework="pt") as opened:
        parts = json.loads(opened.metadata()["parts"])
    model = next(name for name, entry in MODEL_CATALOG.items() if entry.part_parameters.keys() == parts.keys())
    for part, told in parts.items():
        if told["provenance"].startswith("kinemacolor train"):
            told["licence"] = BEGUN_LICENCES.get(part, OWN_LICENCE)
            told["provenance"] = f"trained by this project, {card}: {told['provenance']}"
    folder.mkdir(exist_ok=True)
    target = folder / f"{model}.safetensors"
    fresh = folder / f".{model}.new"
    save_file(pack_int8(load_file(weights)), fresh, {"parts": json.dumps(parts)})
    size = fresh.stat().st_size
    if size > MAX_BYTES:
        fresh.unlink()
        raise SystemExit(f"{target.name} has {size:,} bytes, {MAX_BYTES:,} are allowed")
    os.replace(fresh, target)
    manifest = folder / "manifest.json"
    rows = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    rows[model] = {
        "file": target.name,
        "bytes": size,
        "sha256": compute_file_sha256(target),
        "licence": "; ".join(dict.fromkeys(told["licence"] for told in parts.values())),
        "card": card,
    }
    manifest.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    found: dict[str, object] = rows[model]
    return found


if __name__ == "__main__":
    main()

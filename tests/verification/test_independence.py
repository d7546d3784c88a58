"""`verify` has eyes of its own, and a wrong name costs nothing."""

import subprocess
import sys
from pathlib import Path

import kinemacolor

ROOM = Path(kinemacolor.__file__).parent / "verification"


def test_no_code_is_shared_with_reader_and_writer() -> None:
    for path in ROOM.glob("*.py"):
        assert "kinemacolor.video" not in path.read_text(encoding="utf-8"), path.name


def test_a_wrong_name_is_told_before_anything_is_loaded() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom kinemacolor.errors import InputError\n"
        "from kinemacolor.verification.verify import verify_film\n"
        "try:\n    verify_film(Path('missing.mp4'), Path('x'))\nexcept InputError:\n"
        "    sys.exit(bool({'av', 'cv2', 'numpy', 'torch', 'PIL'} & sys.modules.keys()))\nsys.exit(2)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

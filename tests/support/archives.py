"""Archives for tests of what is read out of them."""

import io
import tarfile
import zipfile
from pathlib import Path


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """A zip or a tar.gz."""
    if path.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(path, "w") as zipped:
            for name, content in files.items():
                zipped.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path

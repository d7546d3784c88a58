"""Records what OpenCV's contrib build makes of a picture: ``python tests/golden/record_edge_filters.py``.

Needs opencv-contrib-python-headless, which nothing else here does.
"""

from pathlib import Path

import cv2
import numpy as np
import recipe

HEIGHT, WIDTH = 109, 181


def main() -> None:
    """Write edge_filters.npz beside this file."""
    lab = recipe.picture(3, HEIGHT, WIDTH)[0].numpy()
    guide = (lab[0] * 2.55).astype(np.uint8)
    luma, ab = guide.astype(np.float32) / 255, np.ascontiguousarray(lab[1:].transpose(1, 2, 0))
    smooth = [cv2.ximgproc.fastGlobalSmootherFilter(guide, plane, 500, 4) for plane in cv2.split(ab)]
    fitted = cv2.ximgproc.guidedFilter(luma, ab, radius=4, eps=1e-4)
    file = Path(__file__).with_name("edge_filters.npz")
    np.savez_compressed(file, guide=guide, ab=ab, fgs=np.stack(smooth, -1)[::2, ::2], guided=fitted[::2, ::2])
    print(f"{file}: OpenCV {cv2.__version__}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Train on a GPU machine that one has for minutes; docs/gpu-queue.md is the manual."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gpu_transfer.command_line import main

if __name__ == "__main__":
    sys.exit(main())

import os
import sys

# `python -m` looks for modules in the current folder first: what lies beside somebody's films is not to be run.
_here = os.getcwd()
if not sys.flags.safe_path and sys.path[:1] == [_here] and not os.path.abspath(__file__).startswith(_here + os.sep):
    del sys.path[0]
from kinemacolor.cli.main import main  # noqa: E402

main()

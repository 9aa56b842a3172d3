"""Where the tests find each other and the recorded scenarios."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "impl")]


def recordings() -> Path:
    """Return the folder with the recorded scenarios of the C implementation."""
    return Path(os.environ.get("HFVERIFY_CONFORMANCE", ROOT.parent / "shared" / "conformance"))

"""Import the implementation from its own folder, whatever of the same names this process has imported before.

Reads   the folder of the implementation
Gives   a process in which its modules are those of this folder
Refuses nothing
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def import_from(impl: str) -> None:
    """From here on, a module that this folder has is imported from it."""
    if sys.path[:1] == [impl]:
        return
    if impl in sys.path:
        sys.path.remove(impl)
    sys.path.insert(0, impl)
    names = {path.stem for path in Path(impl).iterdir()} - sys.stdlib_module_names
    for name, module in list(sys.modules.items()):
        file = str(getattr(module, "__file__", None) or "")
        if name.split(".")[0] in names and not file.startswith(impl + os.sep):
            del sys.modules[name]

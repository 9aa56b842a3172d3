"""Import the implementation from source that is changed on the way: to see what it decides, and where it comes.

Reads   the source of the modules below a folder
Gives   an import system that changes the tree of each module, by its name and its file below the folder
Refuses nothing
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType

# Gets the tree, the name of the module and its file below the folder.
Change = Callable[[ast.Module, str, str], None]


def install(root: str, change: Change) -> None:
    """From here on, what is imported from the folder is changed."""
    compiled: dict[str, CodeType] = {}

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType:
            """Compiled anew: what lies beside the source was compiled without the change."""
            path = self.get_filename(fullname)
            if path not in compiled:
                tree = ast.parse(self.get_data(path), path)
                change(tree, fullname, Path(path).relative_to(root).as_posix())
                code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
                compiled[path] = code
            return compiled[path]

    def finder(path: str) -> FileFinder:
        if not f"{path}/".startswith(f"{root}/"):
            raise ImportError(path)
        return FileFinder(path, (Loader, [".py"]))

    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()

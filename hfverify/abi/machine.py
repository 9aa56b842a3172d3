"""Write the description as JSON, for generators and tools in other languages.

Reads   abi.description.Abi
Gives   text: one object with the fields of the description, without places in the specification
Refuses nothing
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from hfverify.abi.description import Abi

SCHEMA = 1
LEFT_OUT = ("span",)


def document(abi: Abi) -> str:
    """The whole file."""
    return json.dumps({"schema": SCHEMA, **_plain(abi)}, indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    names = [field.name for field in dataclasses.fields(value) if field.name not in LEFT_OUT]
    return {name: _plain(getattr(value, name)) for name in names}

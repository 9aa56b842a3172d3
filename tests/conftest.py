"""Compare whole outputs with `.expect` files; `pytest --accept` writes them anew.

Reads   the `.expect` file beside the test
Gives   the fixture `expect`
Refuses an output without a file, or one that differs from it
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write the .expect files anew; review the difference")


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`expect(name, text)`: the text is that of `name.expect` beside the test."""
    folder: Path = request.path.parent
    accept = bool(request.config.getoption("--accept"))

    def compare(name: str, text: str) -> None:
        file = folder / f"{name}.expect"
        actual = text.rstrip("\n") + "\n"
        if accept:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(actual, "utf-8")
        assert file.exists(), f"{file} does not exist; pytest --accept writes it"
        assert actual == file.read_text("utf-8")

    return compare

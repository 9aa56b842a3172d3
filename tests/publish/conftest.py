"""What the tests of the pages share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The second subject, built once."""
    from sites import build, jobs

    return build(jobs(tmp_path_factory.mktemp("small")))

"""What the tests of the pages share."""

from __future__ import annotations

import fcntl
import os
import shutil

import pytest


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The second subject, built once."""
    from sites import build, jobs

    return build(jobs(tmp_path_factory.mktemp("small")))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The site of this repository, from a copy of its folder; built once, by the process that needs it first."""
    from sites import ROOT, Site, build

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "whole"
    folder.mkdir(exist_ok=True)
    site, done = Site(folder, folder / "html"), folder / "warnings"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.is_file():
            site.warnings = done.read_text("utf-8")
        else:
            shutil.copytree(
                ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("_build", "reference"), dirs_exist_ok=True
            )
            build(site, docs=folder / "docs", hfverify_project=str(ROOT), hfverify_stale="show")
            done.write_text(site.warnings, "utf-8")
    return site

"""What the documentation tells people to type works, in the order of the page; its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chaosgood_ext.twin import launcher

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TESTED = re.compile(r"^```bash tested\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if TESTED.search(page.read_text())], ids=name)
def test_a_page_can_be_followed(page: Path, tmp_path: Path) -> None:
    script = "\n".join(TESTED.findall(page.read_text()))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SCRATCH": str(tmp_path),
        "CHAOSGOOD_GAMES": str(tmp_path / "games"),
    }
    before = {twin.name for twin in launcher.running()}
    try:
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    finally:
        left = [twin for twin in launcher.running() if twin.name not in before and f"twin up {twin.name}" in script]
        for twin in left:
            launcher.shut_down(twin)
    assert not left, "the page leaves a twin running"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []

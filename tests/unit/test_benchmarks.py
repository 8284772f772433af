"""Figures are kept over runs, judged by their medians, and shown on the page about performance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def from_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks are run from the clone's root and are not installed."""
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_figure_is_judged_by_its_median() -> None:
    from benchmarks.figures import Figure

    assert Figure("boot", "s", (1.0, 9.0, 2.0), reach=2).met is True
    assert Figure("boot", "s", (1.0, 9.0, 2.1), reach=2).met is False
    assert Figure("boot", "s", (1.0,)).met is None


def test_what_was_not_measured_again_stays_as_it_was(tmp_path: Path) -> None:
    from benchmarks.figures import Figure, keep

    results = tmp_path / "results.json"
    keep(results, [Figure("boot", "s", (1.0,)), Figure("memory", "MiB", (400.0,))])
    keep(results, [Figure("memory", "MiB", (300.0,)), Figure("down", "s", (0.1,))])
    kept = {each["name"]: each["median"] for each in json.loads(results.read_text())["figures"]}
    assert kept == {"boot": 1.0, "memory": 300.0, "down": 0.1}


def test_the_page_shows_the_figures_between_its_marks_only(tmp_path: Path) -> None:
    from benchmarks.figures import Figure, keep, publish

    results, page = tmp_path / "results.json", tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    keep(results, [Figure("boot", "s", (4.0, 3.0, 3.5), reach=5)])
    publish(page, results)
    publish(page, results)
    text = page.read_text()
    assert text.startswith("before\n<!-- figures -->\n")
    assert text.endswith("<!-- end of figures -->\nafter\n")
    assert "old" not in text
    assert text.count("| boot | 3.5 | 3 to 4 | 3 | s | 5 | met |") == 1


def test_every_group_can_be_measured() -> None:
    groups = (ROOT / "benchmarks" / "__main__.py").read_text().split("GROUPS = (")[1].split(")")[0]
    for name in groups.replace('"', "").split(", "):
        assert "def measure(" in (ROOT / "benchmarks" / f"{name}.py").read_text()

from pathlib import Path

from chaosgood_ext.scenario.check.reference import page
from chaosgood_ext.scenario.check.rules import CHECKS, READING

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "checks.md"


def test_the_page_of_the_documentation_is_what_the_checks_say():
    assert PAGE.read_text() == page(), "make schema"


def test_every_check_is_on_it_once():
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted([*CHECKS, *READING])

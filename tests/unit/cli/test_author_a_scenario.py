"""The blocks of YAML in how-to/author-a-scenario.md, put one after another into the template, stay a valid scenario."""

import re
from pathlib import Path

import pytest
import yaml

from chaosgood_ext.cli.check import examine
from chaosgood_ext.game.settings import Settings
from chaosgood_ext.scenario.model import schema
from chaosgood_ext.scenario.template import text

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "author-a-scenario.md").read_text()
BLOCKS = re.findall(r"^```yaml scenario\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def overlaid(scenario, block):
    """What an author has who replaces or adds what `block` shows; activities are replaced by their names."""
    for key, value in block.items():
        if isinstance(value, dict):
            scenario[key] = {**scenario.get(key, {}), **value}
        elif key == "method":
            by_name = {each["name"]: each for each in value}
            assert set(by_name) <= {each["name"] for each in scenario[key]}, "the template has no such activity"
            scenario[key] = [by_name.get(each["name"], each) for each in scenario[key]]
        else:
            scenario[key] = value
    return scenario


def assembled(count=None):
    """The scenario that an author has after `count` blocks, or after all."""
    scenario = yaml.safe_load(text("nobody-home", Path("nobody-home.yaml"), vars(Settings())))
    for block in BLOCKS[:count]:
        scenario = overlaid(scenario, yaml.safe_load(block))
    return yaml.safe_dump(scenario, sort_keys=False)


@pytest.mark.parametrize("count", range(1, len(BLOCKS) + 1))
def test_the_scenario_has_no_problems_after_each_block(count, tmp_path):
    path = tmp_path / "nobody-home.yaml"
    path.write_text(assembled(count))
    assert examine([path]) == ([], 1)


def test_the_page_changes_all_that_the_template_says_about_its_outage():
    shown = {key for block in BLOCKS for key in yaml.safe_load(block)}
    assert shown == {"title", "description", "configuration", "method", "rollbacks", "extensions"}


def test_the_template_shows_every_key_of_the_extension_and_every_switch():
    written = text("nobody-home", Path("nobody-home.yaml"), vars(Settings()))
    own = written.partition("\nextensions:\n")[2]
    assert {key for key in schema()["properties"] if not re.search(rf"^ +(- |# )?{key}:", own, re.MULTILINE)} == set()
    configuration = yaml.safe_load(written)["configuration"]
    assert [key for key in vars(Settings()) if configuration[key]["key"] != f"CHAOSGOOD_{key.upper()}"] == []


def test_what_the_template_leaves_optional_is_valid_where_it_is_taken(tmp_path):
    path = tmp_path / "nobody-home.yaml"
    written = text("nobody-home", path, vars(Settings()))
    taken = re.sub(r"^    # (objective|hold_window_s|irreversible):", r"    \1:", written, flags=re.MULTILINE)
    assert taken != written
    path.write_text(taken)
    assert examine([path]) == ([], 1)

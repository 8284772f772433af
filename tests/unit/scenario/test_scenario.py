from pathlib import Path

import pytest
import yaml

from chaosgood_ext.errors import BadInput, ScenarioError
from chaosgood_ext.scenario.load import load
from chaosgood_ext.scenario.model import parse, problems
from chaosgood_ext.scenario.variants import only

EXPERIMENTS = Path(__file__).parents[3] / "experiments"


def extension(**changes):
    return {
        "name": "chaosgood", "title": "T", "story": "S", "page": "P", "difficulty": "easy", "time_limit_s": 60,
        "hints": [], "fixes": [{"name": "a-fix", "description": "D", "run": "true"}], **changes,
    }  # fmt: skip


def experiment(**changes):
    return {"title": "t", "extensions": [{"name": "other"}, extension(**changes)]}


# The one experiment that is no game.
SCENARIOS = sorted(set(EXPERIMENTS.glob("*.yaml")) - {EXPERIMENTS / "governance.yaml"})


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_that_is_shipped_loads(path):
    _, scenario = load(path)
    assert scenario.fixes


def test_sg_break_has_four_fixes_and_hints_from_gentle_to_explicit():
    _, scenario = load(EXPERIMENTS / "sg-break.yaml")
    assert [fix.name for fix in scenario.fixes] == ["rule-by-group", "rule-by-cidr", "rule-by-address", "another-group"]
    assert "authorize-security-group-ingress" in scenario.hints[-1]
    assert "security" not in scenario.hints[0]


def test_instance_crash_has_four_variants_and_something_to_do_and_not_to_do_in_each():
    _, scenario = load(EXPERIMENTS / "instance-crash.yaml")
    assert [one.name for one in scenario.variants] == ["hardware", "terminated", "hung", "container-instance"]
    assert [one.name for one in scenario.variants if one.heals] == ["terminated"]
    for variant in scenario.variants:
        own = only(scenario, variant)
        assert own.fixes
        assert own.cheats
    assert len(scenario.hints) == 3
    assert scenario.services
    assert scenario.skills


def test_the_first_fix_is_the_default_and_an_unknown_one_lists_them():
    scenario = parse(experiment(cheats=[{"name": "a-cheat", "description": "D", "run": "true"}]), "x.yaml")
    assert scenario.play("").name == "a-fix"
    assert scenario.play("a-cheat").name == "a-cheat"
    with pytest.raises(BadInput, match="one of: a-fix, a-cheat"):
        scenario.play("nothing")


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"time_limit_s": "soon"}, "extensions[1].time_limit_s", "is not of type 'number'"),
        ({"dificulty": "easy"}, "extensions[1]", "unknown key 'dificulty', probably meant: 'difficulty'"),
        ({"difficulty": "brutal"}, "extensions[1].difficulty", "is not one of"),
        ({"fixes": []}, "extensions[1].fixes", "should be non-empty"),
        ({"fixes": [{"name": "a"}]}, "extensions[1].fixes[0]", "missing: description, run"),
        ({"story": " "}, "extensions[1].story", "is empty"),
        ({"fixes": extension()["fixes"] * 2}, "extensions[1].fixes[1].name", "a-fix is there twice"),
        ({"hints": None}, "extensions[1].hints", "is not of type 'array'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(changes, where, what):
    found = problems(experiment(**changes))
    assert any(problem.where == where and what in problem.what for problem in found), found


@pytest.mark.parametrize("document", [None, [], "text", {}, {"extensions": None}, {"extensions": [None]}])
def test_what_is_no_scenario_is_told_so(document):
    with pytest.raises(ScenarioError, match=r"x\.yaml"):
        parse(document, "x.yaml")


def test_several_problems_are_counted():
    with pytest.raises(ScenarioError, match=r"\(and 1 more\)"):
        parse(experiment(difficulty="brutal", time_limit_s=0), "x.yaml")


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "sg-break.yaml").write_text("")
    with pytest.raises(ScenarioError, match=r"sg-brake\.yaml: there is no such file\. In .* there are: sg-break\.yaml"):
        load(tmp_path / "sg-brake.yaml")


def test_yaml_that_does_not_parse_has_line_and_column(tmp_path):
    (tmp_path / "bad.yaml").write_text("title: a\nmethod: [\n")
    with pytest.raises(ScenarioError, match=r"bad\.yaml at line 3, column 1: this is not YAML"):
        load(tmp_path / "bad.yaml")


def test_json_that_does_not_parse_has_line_and_column(tmp_path):
    (tmp_path / "bad.json").write_text('{"title": }')
    with pytest.raises(ScenarioError, match=r"line 1, column 11: this is not JSON"):
        load(tmp_path / "bad.json")


def test_what_is_no_text_and_what_is_no_file_are_told_so(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="not text"):
        load(tmp_path / "binary.yaml")
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path)


def test_a_scenario_in_json_is_the_same(tmp_path):
    import json

    path = tmp_path / "x.json"
    path.write_text(json.dumps(yaml.safe_load((EXPERIMENTS / "sg-break.yaml").read_text())))
    assert load(path)[1] == load(EXPERIMENTS / "sg-break.yaml")[1]

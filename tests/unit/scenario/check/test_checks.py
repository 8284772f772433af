from pathlib import Path

import pytest

from chaosgood_ext.scenario.check.checker import MOST_FINDINGS, check_file
from chaosgood_ext.scenario.check.problem import Severity
from chaosgood_ext.scenario.check.rules import CHECKS, READING
from chaosgood_ext.scenario.check.subject import MOST_MISMATCHES
from tests.unit.scenario.check import examples

EXPERIMENTS = Path(__file__).parents[4] / "experiments"
CASES = [
    pytest.param(name, text, meant, id=f"{name}-{number}")
    for name, cases in examples.EXAMPLES.items()
    for number, (text, meant) in enumerate(cases, 1)
]


@pytest.mark.parametrize(("name", "text", "meant"), CASES)
def test_a_problem_is_found_at_its_place_with_what_was_meant(name, text, meant, check):
    before, mark, _ = text.partition("▶")
    assert mark, "the example marks no place"
    found = [each for each in check(text.replace("▶", "")) if each.id == name]
    assert found, f"{name} was not found"
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    assert (found[0].line, found[0].column, found[0].meant) == (line, column, meant)
    assert found[0].what
    assert not found[0].what.endswith(".")


def test_every_check_has_an_example():
    assert set(examples.EXAMPLES) == {*CHECKS, *READING}


def test_every_check_says_what_it_finds():
    for check in CHECKS.values():
        assert check.text.endswith("."), check.id


@pytest.mark.parametrize("text", [examples.experiment(""), examples.scenario(), examples.scenario(
    examples.fault(examples.BACK + examples.ALWAYS))])  # fmt: skip
def test_what_the_examples_start_from_has_no_problems(text, check):
    assert check(text) == []


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_that_is_shipped_has_no_problems(path, knowledge):
    assert check_file(path, knowledge) == []


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(check):
    found = check("""\
        rollback: []
        method:
          - type: acton
            name: ''
            provider: {type: process}
        runtime: {rollbacks: {strategy: alwys}}
        """)
    assert [(each.id, each.path) for each in found] == [
        ("missing-key", ""),
        ("missing-key", ""),
        ("misspelt-key", "rollback"),
        ("unknown-value", "method[0].type"),
        ("empty-text", "method[0].name"),
        ("missing-key", "method[0].provider"),
        ("unknown-value", "runtime.rollbacks.strategy"),
    ]


def test_a_scenario_is_held_to_more_than_another_experiment(check):
    text = "comment: hello\n"
    (plain,) = check(examples.experiment(text))
    (own,) = check(examples.scenario(text))
    assert (plain.id, plain.severity) == ("unknown-key", Severity.WARNING)
    assert (own.id, own.severity) == ("unknown-key", Severity.ERROR)


def test_a_fault_without_inverse_is_let_through_where_the_scenario_says_so(check):
    method = "method: [{name: f, type: action, provider: {type: process, path: 'true'}}]\n"
    extension = examples.EXTENSION + "    irreversible: [f]\n"
    assert check(examples.scenario(method + examples.BACK + examples.ALWAYS, extension=extension)) == []


def test_json_is_checked_as_yaml_is(check):
    (found,) = check('{"title": "t",\n "description": "d",\n "rollback": [], "method": []}', "experiment.json")
    assert (found.id, found.line, found.column, found.meant) == ("misspelt-key", 3, 2, "rollbacks")


def test_a_file_with_more_mistakes_than_can_be_told_is_still_answered(check):
    keys = "".join(f"rollbackx{number}: ${{unknown{number}}}\n" for number in range(15_000))
    assert 0 < len(check(examples.experiment(keys))) <= MOST_FINDINGS + MOST_MISMATCHES

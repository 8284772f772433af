"""What is valid is accepted: by the checks, by the schema, and, to be sure of it, by chaoslib itself."""

import json
import random
from pathlib import Path

import pytest
import yaml
from chaoslib.exceptions import ChaosException
from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.log import configure_logger
from jsonschema import Draft202012Validator

from chaosgood_ext.game.settings import Settings
from chaosgood_ext.scenario.check.modules import Modules
from chaosgood_ext.scenario.check.problem import Severity
from chaosgood_ext.scenario.check.schema import DEFAULT_PACKAGES, faces_of, schema_of_experiments
from chaosgood_ext.scenario.template import text as template
from tests.unit.scenario.check import examples, features

VALID = {
    "minimal": features.MINIMAL,
    "whole": features.WHOLE,
    "template": template("a-name", Path("a-name.yaml"), vars(Settings())),
    "scenario": examples.scenario(examples.fault(examples.BACK + examples.ALWAYS)),
}


@pytest.fixture(scope="module")
def validator():
    modules = Modules()
    schema = schema_of_experiments(modules, faces_of(DEFAULT_PACKAGES, modules))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_experiment_has_no_errors(name, check):
    assert [each for each in check(VALID[name]) if each.severity is Severity.ERROR] == []


def test_what_plays_but_is_not_clean_has_warnings_only(check):
    assert {(each.id, each.path) for each in check(features.WHOLE)} == {
        ("dynamic-configuration", "configuration.computed"),
        ("null-ignored", "rollbacks[1].provider.headers"),
        ("null-ignored", "rollbacks[1].provider.timeout"),
    }
    assert {each.id for each in check(features.SHORT, "old.json")} == {"null-ignored", "hypothesis-empty"}


@pytest.mark.parametrize("name", VALID)
def test_the_same_in_json_is_accepted_as_well(name, check):
    text = json.dumps(yaml.safe_load(VALID[name]))
    assert [each for each in check(text, "same.json") if each.severity is Severity.ERROR] == []


@pytest.mark.parametrize("name", VALID)
def test_the_schema_accepts_what_is_valid(name, validator):
    assert [error.json_path for error in validator.iter_errors(yaml.safe_load(VALID[name]))] == []


@pytest.mark.parametrize("name", VALID)
def test_chaoslib_accepts_it_too(name, monkeypatch):
    configure_logger()
    monkeypatch.setattr("chaoslib.secret.load_secrets_from_vault", lambda *_: {})
    ensure_experiment_is_valid(yaml.safe_load(VALID[name]))


def test_all_that_chaoslib_refuses_is_told(check, monkeypatch):
    """Mutations of valid experiments: where chaoslib raises anything at all, the checks find an error."""
    monkeypatch.setattr("chaoslib.secret.load_secrets_from_vault", lambda *_: {})
    dice = random.Random(20261122)
    refused = 0
    for _ in range(200):
        experiment = json.loads(json.dumps(yaml.safe_load(dice.choice(list(VALID.values())))))
        _mutate(experiment, dice)
        text = json.dumps(experiment)
        found = [each.id for each in check(text, "mutated.json") if each.severity is Severity.ERROR]
        refusal = _refusal(experiment)
        refused += bool(refusal)
        assert found or not refusal, f"{refusal} of {text}"
    assert refused > 50


def _refusal(experiment):
    try:
        ensure_experiment_is_valid(experiment)
    except (ChaosException, TypeError, AttributeError, KeyError, ValueError) as refusal:
        return repr(refusal)
    return ""


def _mutate(experiment, dice):
    junk = [
        None,
        1,
        -1,
        1.5,
        True,
        "",
        [],
        {},
        "x",
        [1, 2],
        [None],
        {"a": 1},
        {"type": "env"},
        {"type": []},
        {"ref": 1},
    ]
    spots = list(_spots(experiment))
    holder, key = dice.choice(spots)
    if dice.random() < 0.7:
        holder[key] = json.loads(json.dumps(dice.choice(junk)))
    else:
        del holder[key]


def _spots(value):
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _spots(value[key])

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from chaosgood_ext.scenario.check.modules import Modules
from chaosgood_ext.scenario.check.schema import DEFAULT_PACKAGES, faces_of, installed_faces, schema_of_experiments
from tests.unit.scenario.check import examples

ROOT = Path(__file__).parents[4]
COMMITTED = ROOT / "schemas" / "experiment.schema.json"
# What only `chaos check` can tell: it takes variables, names, results of functions or the machine to know.
# An editor tells of repeated keys and broken YAML by itself.
BEYOND_A_SCHEMA = {
    "too-large", "not-text", "syntax", "too-deep", "alias-bomb", "unknown-tag", "duplicate-key",
    "null-ignored", "undefined-ref", "ambiguous-ref", "ignored-key", "url-scheme", "program-not-found",
    "deprecated-arguments", "background-without-end", "hypothesis-empty", "bad-pattern", "tolerance-would-raise",
    "tolerance-never-met", "tolerance-not-a-range", "jsonpath-not-installed", "module-not-found",
    "judge-without-value", "undefined-secret", "undefined-variable", "maybe-undefined-variable", "variable-name",
    "variable-not-replaced", "default-not-convertible", "unknown-lookup", "dynamic-configuration", "flat-secret",
    "secret-default", "control-without-functions", "undefined-control", "control-secrets", "extension-repeated",
    "repeated-name", "no-game-control", "no-hypothesis", "no-rollbacks", "rollbacks-not-always",
    "load-never-stopped", "no-inverse", "irreversible-unknown", "unknown-variant", "unknown-activity",
    "variant-without-fix", "unknown-switch", "missing-switch",
    "switch-without-default", "unknown-placeholder",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema():
    modules = Modules()
    return schema_of_experiments(modules, faces_of(DEFAULT_PACKAGES, modules))


@pytest.fixture(scope="module")
def validator(schema):
    return Draft202012Validator(schema)


def test_the_committed_schema_is_what_is_generated(schema):
    committed = json.loads(COMMITTED.read_text())
    assert committed == json.loads(json.dumps(schema)), "make schema"


@pytest.mark.parametrize("path", sorted(ROOT.glob("experiments/*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_that_is_shipped_tells_editors_where_the_schema_is(path, validator):
    first, _, _ = path.read_text().partition("\n")
    assert (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve() == COMMITTED
    assert list(validator.iter_errors(yaml.safe_load(path.read_text()))) == []


def test_it_is_a_valid_schema_without_dangling_references(schema):
    Draft202012Validator.check_schema(schema)
    assert not {each.removeprefix("#/$defs/") for each in _references(schema)} - set(schema["$defs"])


def test_what_is_installed_includes_the_default_set():
    modules = Modules()
    assert set(faces_of(DEFAULT_PACKAGES, modules)) <= set(installed_faces(modules))


def test_it_offers_actions_probes_and_controls_with_their_arguments(schema):
    offered = schema["$defs"]["provider"]["allOf"][0]["then"]["properties"]["module"]["anyOf"][0]["enum"]
    assert {"chaosaws.ec2.actions", "chaosprometheus.probes", "chaosgood_ext.load.actions"} <= set(offered)
    functions = schema["$defs"]["chaosgood_ext.load.actions"]
    assert functions["properties"]["func"]["enum"] == ["start_load", "stop_load"]
    arguments = functions["allOf"][0]["then"]["properties"]["arguments"]
    assert arguments["properties"]["users"]["default"] == 10
    assert "configuration" not in arguments["properties"]
    controls = schema["$defs"]["control"]["properties"]["provider"]["properties"]["module"]["anyOf"][0]["enum"]
    assert {"chaosgood_ext.game.control", "chaosaws.s3.controls.upload"} <= set(controls)


@pytest.mark.parametrize("name", sorted(set(examples.EXAMPLES) - BEYOND_A_SCHEMA))
def test_an_editor_underlines_what_a_schema_can_tell(name, validator):
    for text, _ in examples.EXAMPLES[name]:
        if "chaosk8s" not in text and "json.decoder" not in text and "${many}" not in text and "ref: ▶act" not in text:
            assert list(validator.iter_errors(yaml.safe_load(text.replace("▶", "")))), text


def _references(value):
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "$ref":
                yield each
            else:
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)

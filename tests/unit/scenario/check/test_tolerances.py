"""What is said about tolerances is what chaoslib does with them."""

import json
from itertools import product

import pytest
from chaoslib.hypothesis import within_tolerance

from tests.unit.scenario.check.examples import probe

PROVIDERS = {"http": "{type: http, url: 'http://localhost'}", "process": "{type: process, path: 'true'}"}
RESULTS = {
    "http": {"status": 200, "headers": {"a": "b"}, "body": "7"},
    "process": {"status": 0, "stdout": "7\n", "stderr": "8"},
}
PLAIN = [True, False, 200, 0, "7", "ok", [], [200], [200, 0], [200, 0, 1], [0, 300], ["a", "b"], [1, "a"]]
TARGETS = [None, "status", "headers", "body", "stdout", "stderr", "nothing"]
AIMED = [
    {**tolerance, **({"target": target} if target else {})}
    for tolerance, target in product(
        [{"type": "regex", "pattern": "7"}, {"type": "range", "range": [1, 9]}, {"type": "range", "range": [9, 1]}],
        TARGETS,
    )
]


@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize("tolerance", [*PLAIN, *AIMED], ids=json.dumps)
def test_a_tolerance_is_said_to_raise_or_never_to_hold_where_it_does_so(kind, tolerance, check):
    found = {each.id for each in check(probe(json.dumps(tolerance), PROVIDERS[kind]))}
    try:
        met = within_tolerance(tolerance, RESULTS[kind])
    except (TypeError, AttributeError, ArithmeticError):
        met = None
    assert ("tolerance-would-raise" in found) == (met is None)
    if "tolerance-never-met" in found:
        assert not met


@pytest.mark.parametrize("pair", [[1, "a"], [None, 1], [[1], 2], [{"a": 1}, 2]], ids=json.dumps)
def test_limits_that_cannot_be_compared_raise_for_a_function(pair, check):
    text = probe(json.dumps(pair), "{type: python, module: threading, func: active_count}")
    assert "tolerance-would-raise" in {each.id for each in check(text)}
    with pytest.raises(TypeError):
        within_tolerance(pair, 1)

import json

import pytest

from chaosgood_ext.scenario.check.document import Document, Refused
from chaosgood_ext.scenario.check.json_nodes import parse

TEXTS = [
    "{}", "[]", " [ ] ", '{"a": 1, "b": [true, false, null, -1.5e3, 0, 10]}', '"\\u00e9\\n\\/"', "1", "-0",
    "[[[]], {}]",
    '{"a": {"b": {"c": []}}}', "[Infinity, -Infinity]", '{"a": 1, "a": 2}', '\n{\n"a"\n:\n1\n}\n', '{"": ""}', "1.0",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_values_are_those_that_the_json_module_makes(text):
    assert repr(Document(parse(text)).value) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[", "]", "}", "[1,]", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "{'a':1}", "[1 2]", "01", "+1", "1.",
     "tru", '"', '"\n"', "{} {}", "[1]x", "\ufeff{}", '{"a" 1}', "nan", ".5", "-", "[,]", "{,}", "[}", '{"a":1]'],
)  # fmt: skip
def test_what_the_json_module_refuses_is_refused_with_a_place(text):
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    with pytest.raises(Refused, match="this is not JSON") as caught:
        parse(text)
    assert caught.value.line >= 1
    assert caught.value.column >= 1


def test_positions_are_those_of_keys_and_values():
    document = Document(parse('{\n  "a": [1,\n    {"b": "c"}]\n}'))
    assert document.position(("a",), at_key=True) == (2, 3)
    assert document.position(("a",)) == (2, 8)
    assert document.position(("a", 1, "b")) == (3, 11)


@pytest.mark.parametrize(
    ("text", "word"), [("[" * 500_000, "levels deep"), ("9" * 5000, "longer"), ("[" + "1," * 60_000, "values")]
)
def test_nesting_numbers_and_values_have_limits(text, word):
    with pytest.raises(Refused, match=word):
        parse(text)


def test_a_lone_surrogate_becomes_something_that_can_be_printed():
    assert Document(parse('"\\ud800"')).value == "?"

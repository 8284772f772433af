from pathlib import Path
from pprint import pformat

import pytest
import yaml

from chaosgood_ext.scenario.check.document import MAX_NODES, Document, Refused
from chaosgood_ext.scenario.check.yaml_nodes import parse

ROOT = Path(__file__).parents[4]
FILES = sorted([*ROOT.glob("experiments/*.yaml"), *ROOT.glob("chaosgood_ext/**/*.y*ml")])
TEXTS = [
    "", "~", "a: 1\n", "[1, 2.5, -3, 0x1F, 0o17, 017, 1_000, 1:30, .5, .inf, 1e3, 1.0e+3]", "[yes, No, on, OFF, true]",
    "[null, ~, Null, '']", "[2026-11-22, 2026-11-22T10:00:00Z, '2026-11-22']", "{a: [b, {c: d}], 1: x, true: y}",
    "a: |\n  one\n  two\nb: >-\n  one\n  two\n", "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n",
    "a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b], w: 4}\n", "'<<': 1\n", "a: &a [1, 2]\nb: *a\n",
    "!!str 12", "! 12", "!!int '12'", "!!float 1", "!!binary aGVsbG8=", "--- \n# hello\na: b\n...\n", "a: 'it''s'\n",
    'a: "\\u00e9\\n\\x41"\n', "? a\n: b\n", "\ufeffa: b\n", "a: b # c\n", "a: {}\nb: []\n",
]  # fmt: skip


def loaded(text):
    return Document(parse(text)).value


@pytest.mark.parametrize("text", TEXTS)
def test_values_are_those_that_the_safe_loader_makes(text):
    assert pformat(loaded(text)) == pformat(yaml.safe_load(text))  # Types, too; whatever the order of keys.


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_of_this_repository_are_read_as_the_safe_loader_reads_them(path):
    assert loaded(path.read_text()) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    "text",
    ["a: b: c", "[", "*a", "{a: b", "a\n b: c", "? [a]\n: b", "{<<: 1}", "<<", "[<<]", "!!int x", "!!bool maybe",
     "!foo bar", "!!python/name:os.system", "a: 1\n---\nb: 2", "!!timestamp x", "2026-99-99", "&a [*a]"],
)  # fmt: skip
def test_what_is_refused_has_a_place_and_a_sentence(text):
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.what
    assert caught.value.line >= 1
    assert caught.value.column >= 1


def test_a_position_is_that_of_the_value_or_of_its_key():
    document = Document(parse("a:\n  - b: [x, yy]\n    cc:   d\n"))
    assert document.position(("a", 0, "cc")) == (3, 11)
    assert document.position(("a", 0, "cc"), at_key=True) == (3, 5)
    assert document.position(("a", 0, "b", 1)) == (2, 12)


def test_the_position_of_what_is_not_there_is_that_of_what_is_around_it():
    document = Document(parse("a:\n  - b: 1\n"))
    assert document.position(("a", 0, "zz", 3)) == (2, 5)
    assert document.position(("a", 5), at_key=True) == (2, 3)
    assert Document(parse("")).position(("a",)) == (1, 1)


def test_columns_count_characters_and_not_bytes():
    assert Document(parse("{é: ü, b: c}")).position(("b",)) == (1, 11)


def test_repeated_keys_are_told_with_their_first_place_and_the_last_counts():
    document = Document(parse("a: 1\nb: {c: 1, c: 2}\na: 3\n"))
    assert document.value == {"a": 3, "b": {"c": 2}}
    assert {(path, again.line, first.line) for path, again, first in document.repeated_keys()} == {
        (("a",), 3, 1),
        (("b", "c"), 2, 2),
    }


def test_aliases_within_the_limit_are_fine_however_often_they_are_used():
    text = "a: &a [1, 2, 3]\nb: [" + ", ".join(["*a"] * 5000) + "]\n"
    assert len(loaded(text)["b"]) == 5000


def test_what_aliases_stand_for_counts_against_the_limit():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(Refused, match="multiply") as caught:
        parse("\n".join(lines))
    assert 10**caught.value.line < 10 * MAX_NODES


def test_aliases_cannot_nest_deeper_than_what_is_written_out():
    lines = ["a0: &a0 x", *(f"a{n}: &a{n} [[[[[[[[[*a{n - 1}]]]]]]]]]" for n in range(1, 300))]
    with pytest.raises(Refused, match="levels deep"):
        parse("\n".join(lines))


def test_merges_cannot_multiply():
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: v" for n in range(1000)) + "}"]
    lines += [f"a{n}: {{<<: [{', '.join(['*a0'] * 20)}]}}" for n in range(1, 30)]
    with pytest.raises(Refused, match="multiply"):
        parse("\n".join(lines))


@pytest.mark.parametrize("text", ["9" * 1_000_000, "1" + ":1" * 100_000])
def test_a_number_of_a_million_digits_is_text_and_not_computed(text):
    assert loaded(text) == text

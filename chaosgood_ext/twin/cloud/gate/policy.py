"""IAM policies as pure functions: what statements say to a question.

Source: "Policy evaluation logic", "IAM JSON policy elements: Condition operators" and "Policy variables" in AWS's IAM
User Guide. A policy is compiled once; what it may hold is what policies of this project hold, and all else is an error
when it is compiled, so that nothing is ever passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Match = Callable[[str, str], bool]


@dataclass(frozen=True)
class Question:
    """May `action` (as in `ec2:StartInstances`) be done to the resource of that ARN, given these condition keys?

    A condition key that is not in `context` is absent, as IAM means it; keys are in lower case.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)


class Answer(Enum):
    """What a set of statements says."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    SILENT = "not allowed"


@dataclass(frozen=True)
class Condition:
    """One operator on one key, against any of `values`; `absent` is what it says where the key is missing."""

    key: str
    match: Match
    values: tuple[str, ...]
    absent: bool

    def met(self, context: Mapping[str, str]) -> bool:
        """Whether the context meets it."""
        value = context.get(self.key)
        return self.absent if value is None else any(self.match(wanted, value) for wanted in self.values)


@dataclass(frozen=True)
class Statement:
    """One compiled statement."""

    allows: bool
    actions: re.Pattern[str]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]

    @property
    def plain(self) -> bool:
        """Whether only action and region decide."""
        return self.resources == ("*",) and all(one.key == "aws:requestedregion" for one in self.conditions)

    def applies(self, question: Question) -> bool:
        """Whether it speaks of that question."""
        return (
            self.actions.fullmatch(question.action) is not None
            and any(_glob(_filled(one, question.context)).fullmatch(question.resource) for one in self.resources)
            and all(one.met(question.context) for one in self.conditions)
        )


def compile_policy(document: Mapping[str, Any]) -> list[Statement]:
    """The statements of a policy; raises ValueError for an element or operator that is not evaluated here."""
    listed = document["Statement"]
    return [_statement(one) for one in (listed if isinstance(listed, list) else [listed])]


def answer(statements: Iterable[Statement], question: Question) -> Answer:
    """What they say together: one denial is enough, else one permission."""
    said = Answer.SILENT
    for one in statements:
        if one.applies(question):
            if not one.allows:
                return Answer.DENIED
            said = Answer.ALLOWED
    return said


def _statement(said: Mapping[str, Any]) -> Statement:
    if unknown := set(said) - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        raise ValueError(f"the twin does not evaluate {', '.join(sorted(unknown))} of a policy's statement")
    actions = "|".join(_expression(one) for one in _listed(said["Action"]))
    conditions = tuple(
        _condition(operator, key, _listed(values))
        for operator, keys in said.get("Condition", {}).items()
        for key, values in keys.items()
    )
    resources = tuple(_listed(said["Resource"]))
    return Statement(said["Effect"] == "Allow", re.compile(actions, re.IGNORECASE), resources, conditions)


def _condition(operator: str, key: str, values: Sequence[Any]) -> Condition:
    name = operator.removesuffix("IfExists")
    if operator == "Null":
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
        absent = str(values[0]).lower() == "true"
        return Condition(key.lower(), lambda _wanted, _value: not absent, ("",), absent)
    if name not in _OPERATORS:
        raise ValueError(f"the twin does not evaluate the condition operator {operator}")
    texts = tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
    return Condition(key.lower(), _OPERATORS[name], texts, absent=name != operator)


def _like(wanted: str, value: str) -> bool:
    return _glob(wanted).fullmatch(value) is not None


def _at_most(wanted: str, value: str) -> bool:
    return float(value) <= float(wanted)


def _equal(wanted: str, value: str) -> bool:
    return wanted == value


def _same(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


# ArnEquals and ArnLike behave identically, says the guide.
_OPERATORS: Mapping[str, Match] = {
    "StringEquals": _equal,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "NumericLessThanEquals": _at_most,
    "Bool": _same,
}

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


def _filled(pattern: str, context: Mapping[str, str]) -> str:
    """The pattern with its variables replaced; one without a value matches nothing."""
    return _VARIABLE.sub(lambda found: context.get(found[1].lower(), "\0"), pattern) if "${" in pattern else pattern


_globs: dict[str, re.Pattern[str]] = {}


def _glob(pattern: str) -> re.Pattern[str]:
    if pattern not in _globs:
        _globs[pattern] = re.compile(_expression(pattern), re.DOTALL)
    return _globs[pattern]


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

"""Checks of configuration and secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chaosgood_ext.scenario.check.problem import Finding, closest, shown
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Mapped, Subject

_KINDS = ("env", "probe")
_LOOKUP = {"type", "key", "default", "env_var_type", "path"}


def _parsed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) and value else value


# chaoslib.convert_to_type, as far as it can fail
_CONVERT: Mapping[str, Callable[[Any], object]] = {
    "int": int, "integer": int, "float": float, "number": float, "json": _parsed,
    "bytes": lambda value: value.encode("utf-8"),
    "bool": lambda value: value if isinstance(value, bool) else value.lower(),
}  # fmt: skip


@check("default-not-convertible")
def default_not_convertible(subject: Subject) -> Iterator[Finding]:
    """A default that cannot be converted to `env_var_type`; the run ends with a traceback where it is used."""
    for key, value in _mappings(subject.configuration):
        kind = value.get("env_var_type")
        if value.get("type") != "env" or "default" not in value or not isinstance(kind, str):
            continue
        try:
            _CONVERT.get(kind, str)(value["default"])
        except (TypeError, ValueError, AttributeError, OverflowError, RecursionError):
            what = f"the default {shown(value['default'])} cannot be converted to {kind}"
            yield Finding(("configuration", key, "default"), what)


@check("unknown-lookup")
def unknown_lookup(subject: Subject) -> Iterator[Finding]:
    """A value that looks as if it were looked up somewhere, but is used as the mapping that it is."""
    for key, value in _mappings(subject.configuration):
        kind = value.get("type")
        if set(value) <= _LOOKUP and kind not in _KINDS and ("key" in value or "path" in value):
            what = "this is handed over as a mapping: only the types env and probe are looked up"
            yield Finding(("configuration", key), what, f"type: {closest(kind, _KINDS) or 'env'}", at_key=True)


@check("dynamic-configuration", Strictness.IN_SCENARIOS)
def dynamic_configuration(subject: Subject) -> Iterator[Finding]:
    """Configuration from a probe together with secrets: Chaos Toolkit then writes all secrets into the journal."""
    for key, value in _mappings(subject.configuration):
        if value.get("type") == "probe" and subject.secrets:
            what = "with configuration from a probe, Chaos Toolkit writes all secrets into the journal in clear text"
            yield Finding(("configuration", key), what, at_key=True)


@check("flat-secret")
def flat_secret(subject: Subject) -> Iterator[Finding]:
    """A secret that is in no group; Chaos Toolkit ends with a traceback when it replaces variables."""
    for key, value in _mappings(subject.secrets):
        if isinstance(value.get("type"), str) and value["type"] in ("env", "vault"):
            what = f"{shown(key)} is a secret in no group: secrets are groups of secrets"
            yield Finding(("secrets", key), what, f"{key}: {{{key}: …}}", at_key=True)


@check("secret-default", Strictness.WARNING)
def secret_default(subject: Subject) -> Iterator[Finding]:
    """A default for a secret from the environment, which has no effect: the run fails where the variable is unset."""
    for group, secrets in _mappings(subject.secrets):
        for key, value in _mappings(secrets):
            if value.get("type") == "env" and "default" in value:
                yield Finding(("secrets", group, key, "default"), "a secret has no default", at_key=True)


def _mappings(holder: Mapped) -> Iterator[tuple[str, Mapped]]:
    for key, value in holder.items():
        if isinstance(value, dict):
            yield str(key), value

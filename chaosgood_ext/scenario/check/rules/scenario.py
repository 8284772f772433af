"""Checks of scenarios: experiments with the extension `chaosgood`, which a game is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chaosgood_ext.scenario import model
from chaosgood_ext.scenario.check.problem import Finding, Path, closest, shown
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Activity, Mapped, Subject, items, mapping, text

if TYPE_CHECKING:
    from jsonschema import ValidationError

_LOAD = "chaosgood_ext.load.actions"
_VARIABLE_PREFIX = "CHAOSGOOD_"


@check("extension", Strictness.ONLY_SCENARIOS)
def extension(subject: Subject) -> Iterator[Finding]:
    """The extension `chaosgood` is not as its schema says, so that there is no game in the scenario."""
    from jsonschema import Draft202012Validator

    assert subject.extension
    path, own = subject.extension
    for error in Draft202012Validator(model.schema()).iter_errors(own):
        yield from _schema_findings(error, path)


@check("extension-repeated", Strictness.ONLY_SCENARIOS)
def extension_repeated(subject: Subject) -> Iterator[Finding]:
    """The extension `chaosgood` is there more than once."""
    found = [
        index
        for index, each in enumerate(items(subject.experiment, "extensions"))
        if isinstance(each, dict) and each.get("name") == model.NAME
    ]
    for index in found[1:]:
        yield Finding(("extensions", index, "name"), f"the extension {model.NAME} is there a second time")


@check("repeated-name", Strictness.ONLY_SCENARIOS)
def repeated_name(subject: Subject) -> Iterator[Finding]:
    """Two fixes or cheats, variants, or activities of one section, of one name: the record cannot tell them apart."""
    named = [
        [((*path, "name"), text(each, "name")) for path, each in _listed(subject, *keys)]
        for keys in (("fixes", "cheats"), ("variants",))
    ]
    sections = [[((*each.path, "name"), each.name) for each in subject.section(name)]
                for name in ("hypothesis", "method", "rollbacks")]  # fmt: skip
    for group in (*named, *sections):
        seen: set[str] = set()
        for place, name in group:
            if name in seen:
                yield Finding(place, f"the name {shown(name)} is there twice")
            seen.add(name or "")
            seen.discard("")


@check("no-game-control", Strictness.ONLY_SCENARIOS)
def no_game_control(subject: Subject) -> Iterator[Finding]:
    """The game's control is not among the experiment's controls, so that nothing is played, undone or judged."""
    wanted = subject.knowledge.control
    controls = [each for each in items(subject.experiment, "controls") if isinstance(each, dict)]
    modules = [text(mapping(each, "provider"), "module") for each in controls]
    if wanted and wanted not in modules:
        meant = f"{{name: game, provider: {{type: python, module: {wanted}}}}}"
        path: Path = ("controls",) if "controls" in subject.experiment else ()
        yield Finding(path, "the game's control is missing, so no game is played", meant, at_key=True)


@check("no-hypothesis", Strictness.ONLY_SCENARIOS)
def no_hypothesis(subject: Subject) -> Iterator[Finding]:
    """A scenario without a hypothesis: a game could start in an unhealthy environment, and end in one."""
    if "steady-state-hypothesis" not in subject.experiment:
        yield Finding((), "steady-state-hypothesis is missing, so nothing tells whether the environment is healthy")


@check("no-rollbacks", Strictness.ONLY_SCENARIOS)
def no_rollbacks(subject: Subject) -> Iterator[Finding]:
    """A scenario that breaks something and has no rollbacks."""
    if list(_faults(subject)) and not items(subject.experiment, "rollbacks"):
        present = "rollbacks" in subject.experiment
        what = "the method breaks something, and no rollback puts it back"
        yield Finding(("rollbacks",) if present else (), what, at_key=True)


@check("rollbacks-not-always", Strictness.ONLY_SCENARIOS)
def rollbacks_not_always(subject: Subject) -> Iterator[Finding]:
    """Rollbacks whose strategy is not `always`: after an interrupted game none is played."""
    runtime = mapping(subject.experiment, "runtime")
    strategy = mapping(runtime, "rollbacks").get("strategy", "default")
    if strategy != "always" and items(subject.experiment, "rollbacks"):
        path: Path = ()
        if "runtime" in subject.experiment:
            path = ("runtime", "rollbacks", "strategy") if "rollbacks" in runtime else ("runtime",)
        what = f"with the strategy {shown(strategy)}, no rollback is played after an interruption"
        yield Finding(path, what, "runtime: {rollbacks: {strategy: always}}")


@check("load-never-stopped", Strictness.ONLY_SCENARIOS)
def load_never_stopped(subject: Subject) -> Iterator[Finding]:
    """Load that is started and that no rollback stops: it goes on after the game."""
    stopped = any(each.function == (_LOAD, "stop_load") for each in subject.section("rollbacks"))
    for activity in subject.section("method"):
        if activity.function == (_LOAD, "start_load") and not stopped:
            what = f"{shown(activity.name)} starts load that no rollback stops"
            yield Finding(activity.path, what, f"a rollback that calls {_LOAD}.stop_load")


@check("no-inverse", Strictness.ONLY_SCENARIOS)
def no_inverse(subject: Subject) -> Iterator[Finding]:
    """A fault that the game does not know how to undo, and of which the extension's `irreversible` says nothing."""
    assert subject.extension
    allowed = items(subject.extension[1], "irreversible")
    for activity in _faults(subject):
        if activity.name in allowed or activity.function in subject.knowledge.inverses():
            continue
        module, name = activity.function
        called = f"{module}.{name}" if module else f"a {activity.kind} action"
        what = f"the game does not know how to undo {called}; use another action, or list its name under irreversible"
        yield Finding(activity.path, what)


@check("irreversible-unknown", Strictness.ONLY_SCENARIOS)
def irreversible_unknown(subject: Subject) -> Iterator[Finding]:
    """The extension's `irreversible` names an action that the method does not have."""
    assert subject.extension
    path, own = subject.extension
    names = [each.name for each in subject.section("method")]
    for index, name in enumerate(items(own, "irreversible")):
        if isinstance(name, str) and name not in names:
            what = f"the method has no action called {shown(name)}"
            yield Finding((*path, "irreversible", index), what, closest(name, names))


@check("unknown-variant", Strictness.ONLY_SCENARIOS)
def unknown_variant(subject: Subject) -> Iterator[Finding]:
    """A fix or cheat is for a variant that the extension does not have."""
    known = [text(each, "name") for _, each in _listed(subject, "variants")]
    for path, play in _listed(subject, "fixes", "cheats"):
        for index, name in enumerate(items(play, "variants")):
            if isinstance(name, str) and name not in known:
                yield Finding((*path, "variants", index), f"there is no variant {shown(name)}", closest(name, known))


@check("unknown-activity", Strictness.ONLY_SCENARIOS)
def unknown_activity(subject: Subject) -> Iterator[Finding]:
    """A variant names an activity that the method does not have, so that all variants would play it or none."""
    names = [each.name for each in subject.section("method")]
    for path, variant in _listed(subject, "variants"):
        for index, name in enumerate(items(variant, "activities")):
            if isinstance(name, str) and name not in names:
                what = f"the method has no activity called {shown(name)}"
                yield Finding((*path, "activities", index), what, closest(name, names))


@check("variant-without-fix", Strictness.ONLY_SCENARIOS)
def variant_without_fix(subject: Subject) -> Iterator[Finding]:
    """No fix is for a variant, so that nothing shows that it can be won."""
    fixes = [items(each, "variants") for _, each in _listed(subject, "fixes")]
    for path, variant in _listed(subject, "variants"):
        name = text(variant, "name")
        if not any(not own or name in own for own in fixes):
            yield Finding((*path, "name"), f"no fix is for the variant {shown(name)}")


@check("unknown-switch", Strictness.ONLY_SCENARIOS)
def unknown_switch(subject: Subject) -> Iterator[Finding]:
    """Configuration from a variable CHAOSGOOD_… that no game reads, or under another name than the game's."""
    switches = subject.knowledge.switches
    for key, variable in _variables(subject.configuration):
        if not variable.startswith(_VARIABLE_PREFIX) or not switches:
            continue
        right = next((name for name, each in switches.items() if each == variable), None)
        if right is None:
            what = f"no game reads {shown(variable)}; there are: {', '.join(switches.values())}"
            name = closest(variable.removeprefix(_VARIABLE_PREFIX), switches)
            yield Finding(("configuration", key, "key"), what, switches.get(name, ""))
        elif right != key:
            what = f"the game looks for {variable} under the name {right}"
            yield Finding(("configuration", key), what, right, at_key=True)


@check("missing-switch", Strictness.ONLY_SCENARIOS)
def missing_switch(subject: Subject) -> Iterator[Finding]:
    """A switch of the game that the configuration does not declare, so that setting its variable has no effect."""
    declared = {variable for _, variable in _variables(subject.configuration)}
    for name, variable in subject.knowledge.switches.items():
        if name not in subject.configuration and variable not in declared:
            path: Path = ("configuration",) if "configuration" in subject.experiment else ()
            meant = f'{name}: {{type: env, key: {variable}, default: ""}}'
            yield Finding(path, f"the switch {name} is missing, so {variable} has no effect", meant, at_key=True)


@check("switch-without-default", Strictness.ONLY_SCENARIOS)
def switch_without_default(subject: Subject) -> Iterator[Finding]:
    """A switch of the game without a default: the run fails where its variable is unset."""
    variables = subject.knowledge.switches.values()
    for key, variable in _variables(subject.configuration):
        if variable in variables and "default" not in subject.configuration[key]:
            yield Finding(("configuration", key), f"{variable} has no default", 'default: ""', at_key=True)


@check("unknown-placeholder", Strictness.ONLY_SCENARIOS)
def unknown_placeholder(subject: Subject) -> Iterator[Finding]:
    """Configuration that the environment is to fill in, but that no environment's outputs have."""
    knowledge = subject.knowledge
    for key, value in subject.configuration.items():
        if knowledge.placeholder and value == knowledge.placeholder and key not in knowledge.placeholders:
            what = f"no environment has {shown(key)} among its outputs"
            yield Finding(("configuration", str(key)), what, closest(key, knowledge.placeholders), at_key=True)
        elif isinstance(value, str) and value != knowledge.placeholder and _is_near(value, knowledge.placeholder):
            yield Finding(("configuration", str(key)), f"{shown(value)} is no placeholder", knowledge.placeholder)


def _is_near(value: str, placeholder: str) -> bool:
    return bool(placeholder) and bool(closest(value, [placeholder]))


def _listed(subject: Subject, *keys: str) -> Iterator[tuple[Path, Mapped]]:
    """The mappings that the extension lists under `keys`, with their places."""
    assert subject.extension
    path, own = subject.extension
    for key in keys:
        for index, each in enumerate(items(own, key)):
            if isinstance(each, dict):
                yield (*path, key, index), each


def _faults(subject: Subject) -> Iterator[Activity]:
    """The actions of the method that may break something: all but our own."""
    for activity in subject.section("method"):
        if activity.value.get("type") == "action" and not activity.function[0].startswith("chaosgood_ext."):
            yield activity


def _variables(configuration: Mapped) -> Iterator[tuple[str, str]]:
    for key, value in configuration.items():
        if isinstance(value, dict) and value.get("type") == "env" and isinstance(value.get("key"), str):
            yield str(key), value["key"]


def _schema_findings(error: ValidationError, base: Path) -> Iterator[Finding]:
    path = (*base, *error.absolute_path)
    properties: Mapped = dict(error.schema).get("properties", {}) if isinstance(error.schema, Mapping) else {}
    wanted: Any = error.validator_value
    if error.validator == "additionalProperties":
        known = set(properties)
        assert isinstance(error.instance, Mapping)
        for key in error.instance:
            if key not in known:
                meant = closest(key, known - set(error.instance))
                yield Finding((*path, str(key)), f"the extension knows no key {shown(key)} here", meant, at_key=True)
    elif error.validator == "required":
        # jsonschema tells about one missing key at a time.
        missing = error.message.partition(" is a required")[0].strip("'")
        description = properties.get(missing, {}).get("description", "")
        yield Finding(path, f"{missing} is missing" + (f": {description.rstrip('.')}" if description else ""))
    elif error.validator == "enum":
        known_values = [str(each) for each in wanted]
        what = f"{shown(error.instance)} is not known here; there are: {', '.join(known_values)}"
        yield Finding(path, what, closest(error.instance, known_values))
    elif error.validator == "pattern":
        yield Finding(path, f"{shown(error.instance)} is empty or not of the form {wanted}")
    elif error.validator == "minItems":
        yield Finding(path, f"at least {wanted} is needed here", at_key=True)
    else:
        yield Finding(path, _sentence(error))


def _sentence(error: ValidationError) -> str:
    words = {
        "exclusiveMinimum": "is out of range: it must be more than",
        "exclusiveMaximum": "is out of range: it must be less than",
        "minimum": "is out of range: it must be at least",
        "maximum": "is out of range: it must be at most",
        "type": "must be of the type",
        "const": "must be",
    }
    word = words.get(str(error.validator), f"does not fit {error.validator}")
    return f"{shown(error.instance)} {word} {error.validator_value}"

"""Listener rules as nginx's maps: of a request they make the named location of the action that it gets.

Source: "Listener rules" and "Condition types for listener rules" in the ELB User Guide,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html: paths, methods and header
names aside, nothing is case-sensitive; `*` matches any characters, `?` exactly one; path patterns see no query.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from chaosgood_ext.twin.services.elb_model import Action, Condition, Listener

PATH_MAP = '    map $request_uri $alb_path { "~^(?<alb_raw_path>[^?]*)" $alb_raw_path; }'

Render = Callable[[Action, str], list[str]]
"""Returns the lines of a location for an action; the second argument is the target group that it forwards to."""


def maps(listener: Listener) -> list[str]:
    """Return what `http` needs for the rules of a listener; nothing when it has none."""
    if not any(_needs_maps(listener)):
        return []
    lines = []
    for number, rule in enumerate(listener.rules):
        name = _name(listener, number)
        for index, condition in enumerate(rule.conditions):
            lines += _condition(f"${name}c{index}", condition)
        lines += _split(name, rule.action)
        tests = "".join(f"${name}c{index}" for index in range(len(rule.conditions)))
        after = _name(listener, number + 1) if number + 1 < len(listener.rules) else _last(listener)
        lines.append(f'    map "{tests}" ${name} {{ default ${after}; "{"1" * len(rule.conditions)}" ${name}a; }}')
    return [*lines, *_split(_last(listener), listener.action, bare=True)]


def locations(listener: Listener, render: Render) -> list[str]:
    """Return the locations of a listener's server: `/`, and a named one for each action and target group."""
    if not any(_needs_maps(listener)):
        only = next((arn for arn, _ in listener.action.shares()), "")
        return ["        location / {", *render(listener.action, only), "        }"]
    first = _name(listener, 0) if listener.rules else _last(listener)
    lines = ["        location / {", f"            try_files /.none ${first};", "        }"]
    named = [(_name(listener, number), rule.action) for number, rule in enumerate(listener.rules)]
    for name, action in [*named, (_last(listener), listener.action)]:
        for index, arn in enumerate([arn for arn, _ in action.shares()] or [""]):
            lines += [f"        location @{name}t{index} {{", *render(action, arn), "        }"]
    return lines


def _needs_maps(listener: Listener) -> tuple[bool, ...]:
    return bool(listener.rules), len(listener.action.shares()) > 1


def _name(listener: Listener, number: int) -> str:
    return f"p{listener.port}r{number}"


def _last(listener: Listener) -> str:
    return f"p{listener.port}d"


def _split(name: str, action: Action, *, bare: bool = False) -> list[str]:
    """Return what sets `$<name>a` (`$<name>` if bare) to the location of the action, shared out by weight."""
    variable, shares = f"${name}" if bare else f"${name}a", action.shares()
    if len(shares) < 2:
        return [f'    map "" {variable} {{ default @{name}t0; }}']
    total, lines = sum(weight for _, weight in shares), [f'    split_clients "$request_id" {variable} {{']
    for index, (_, weight) in enumerate(shares[:-1]):
        lines.append(f"        {100 * weight / total:.2f}% @{name}t{index};")
    return [*lines, f"        * @{name}t{len(shares) - 1};", "    }"]


def _condition(variable: str, condition: Condition) -> list[str]:
    """Return what sets a variable to 1 for the requests that meet a condition, else to 0."""
    if condition.field == "source-ip":
        entries = " ".join(f"{block} 1;" for block in condition.values)
        return [f"    geo $remote_addr {variable} {{ default 0; {entries} }}"]
    source, patterns = _SOURCES[condition.field](condition)
    entries = " ".join(f"{_quoted(pattern)} 1;" for pattern in dict.fromkeys(patterns))
    return [f'    map "{source}" {variable} {{ default 0; {entries} }}']


def _path(condition: Condition) -> tuple[str, list[str]]:
    return "$alb_path", [f"~^{_regex(value)}$" for value in condition.values]


def _host(condition: Condition) -> tuple[str, list[str]]:
    return "$host", [f"~*^{_regex(value)}$" for value in condition.values]


def _header(condition: Condition) -> tuple[str, list[str]]:
    name = condition.name.lower().replace("-", "_")
    return f"$http_{name}", [f"~*^(?=.){_regex(value)}$" for value in condition.values]


def _method(condition: Condition) -> tuple[str, list[str]]:
    return "$request_method", [f"~^{re.escape(value)}$" for value in condition.values]


def _query(condition: Condition) -> tuple[str, list[str]]:
    patterns = []
    for pair in condition.values:
        key, _, value = pair.partition("=")
        prefix = f"{_regex(key, '[^&=]')}=" if key else "(?:[^&=]*=)?"
        patterns.append(f"~*(?:^|&){prefix}{_regex(value, '[^&]')}(?:&|$)")
    return "$args", patterns


_SOURCES = {
    "path-pattern": _path,
    "host-header": _host,
    "http-header": _header,
    "http-request-method": _method,
    "query-string": _query,
}


def _regex(pattern: str, character: str = ".") -> str:
    """Return a wildcard pattern as a regular expression, of which a wildcard's characters are `character`."""
    parts = {"*": f"{character}*", "?": character}
    return "".join(parts.get(one) or re.escape(one) for one in pattern)


def _quoted(text: str) -> str:
    """Quote a string for nginx, which takes a backslash away before a quote and another backslash."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""systemd unit files, the subset that the tiers use: the same files are installed on AWS.

Source: systemd.unit(5), systemd.service(5), systemd.exec(5).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from chaosgood_ext.errors import BadInput
from chaosgood_ext.twin.hosts.model import Unit

_UNDERSTOOD = {
    "Unit": {"Description", "Documentation", "After", "Wants", "Requires", "Before", "ConditionPathExists"},
    "Service": {
        "Type", "User", "Group", "ExecStart", "ExecStartPre", "ExecReload", "Restart", "RestartSec", "Environment",
        "EnvironmentFile", "WorkingDirectory", "KillSignal", "KillMode", "LimitNOFILE", "StateDirectory",
        "RuntimeDirectory", "LogsDirectory", "AmbientCapabilities", "StandardOutput", "StandardError", "TimeoutStopSec",
        "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "Nice", "OOMScoreAdjust",
    },
    "Install": {"WantedBy"},
}  # fmt: skip
_TIME = {"": 1.0, "s": 1.0, "ms": 0.001, "min": 60.0}
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


def parse(name: str, text: str) -> Unit:
    """Read the unit file `name` (without `.service`).

    Raises :class:`BadInput` for a section or key that the supervisor does not understand, and for a file
    without `ExecStart=`: a key that is silently ignored would be a difference from AWS.
    """
    keys: dict[str, list[str]] = {}
    section = ""
    for number, raw in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or key not in _UNDERSTOOD.get(section, ()):
            raise BadInput(f"{name}.service, line {number}: [{section}] {line!r} is not understood.")
        values = keys.setdefault(key, [])
        values.clear() if not value.strip() else values.append(value.strip())
    if len(keys.get("ExecStart", [])) != 1:
        raise BadInput(f"{name}.service: needs exactly one ExecStart=.")
    directories = [
        ("mkdir", "-p", f"{root}/{folder}")
        for key, root in (
            ("StateDirectory", "/var/lib"),
            ("RuntimeDirectory", "/run"),
            ("LogsDirectory", "/var/log"),
        )
        for value in keys.get(key, [])
        for folder in value.split()
    ]
    return Unit(
        name=name,
        description=" ".join(keys.get("Description", [])),
        exec_start=tuple(_words(keys["ExecStart"][0])),
        exec_start_pre=(*directories, *(tuple(_words(value)) for value in keys.get("ExecStartPre", []))),
        environment=dict(
            word.split("=", 1) for value in keys.get("Environment", []) for word in shlex.split(value) if "=" in word
        ),
        environment_files=tuple(keys.get("EnvironmentFile", [])),
        restart=_last(keys, "Restart", "no"),
        restart_delay_s=_seconds(_last(keys, "RestartSec", "100ms")),
        working_directory=_last(keys, "WorkingDirectory", "/"),
        condition_paths=tuple(keys.get("ConditionPathExists", [])),
        stop_signal=_last(keys, "KillSignal", "SIGTERM"),
    )


def environment_of(unit: Unit, read: Callable[[str], str]) -> dict[str, str]:
    """The unit's variables: `Environment=` first, then every `EnvironmentFile=` (optional with a leading `-`).

    `read` returns the text of a file of the host and raises :class:`FileNotFoundError`.
    """
    environment = dict(unit.environment)
    for path in unit.environment_files:
        try:
            text = read(path.removeprefix("-"))
        except FileNotFoundError:
            if path.startswith("-"):
                continue
            raise
        for line in text.splitlines():
            key, equals, value = line.strip().partition("=")
            if equals and not key.startswith("#"):
                environment[key] = " ".join(shlex.split(value))
    return environment


def expand(words: tuple[str, ...], environment: Mapping[str, str]) -> list[str]:
    """Replace `$NAME` and `${NAME}` in a command line as systemd does: a bare `$NAME` word splits at blanks."""
    out: list[str] = []
    for word in words:
        bare = re.fullmatch(r"\$(\w+)", word)
        if bare:
            out += environment.get(bare[1], "").split()
        else:
            out.append(_VARIABLE.sub(lambda m: environment.get(m[1] or m[2], ""), word))
    return out


def _words(command: str) -> list[str]:
    return shlex.split(command.lstrip("-@:+!"))


def _last(keys: Mapping[str, list[str]], key: str, default: str) -> str:
    return (keys.get(key) or [default])[-1]


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)\s*(ms|s|min)?", text)
    if not match:
        raise BadInput(f"RestartSec={text}: not a time such as 100ms, 2s or 1min.")
    return float(match[1]) * _TIME[match[2] or ""]

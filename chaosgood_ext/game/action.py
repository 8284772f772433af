"""An action of the method as it is about to act, whichever provider it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaoslib import substitute


@dataclass(frozen=True)
class Action:
    """What acts, as the record tells it: `called` with `arguments`; `module` and `func` of a Python function only.

    What a program or a request is given keeps the names of its secrets.
    """

    name: str
    called: str
    arguments: Mapping[str, Any]
    module: str = ""
    func: str = ""

    @classmethod
    def of(
        cls, activity: Mapping[str, Any], configuration: Mapping[str, Any], secrets: Mapping[str, Any] | None
    ) -> Action:
        """The action that Chaos Toolkit is about to play."""
        name, provider = str(activity.get("name", "")), activity.get("provider", {})
        given = provider.get("arguments") or {}
        if provider.get("type") == "python":
            module, func = provider["module"], provider["func"]
            return cls(name, f"{module}.{func}", substitute(given, configuration, secrets), module, func)
        known = substitute(given, configuration, None)
        arguments = known if isinstance(known, Mapping) else {"arguments": known}
        if provider.get("type") == "process":
            return cls(name, f"the program {provider.get('path')}", arguments)
        url = substitute(provider.get("url", ""), configuration, None)
        return cls(name, f"the request {provider.get('method', 'GET')} {url}", arguments)


@dataclass(frozen=True)
class Acted:
    """How an action ended, by Chaos Toolkit's own account of it; `failure` is empty where it did what it should."""

    at: datetime
    failure: str = ""

    @classmethod
    def of(cls, activity: Mapping[str, Any], state: Mapping[str, Any]) -> Acted:
        """A program that ends with another status than 0 has failed, and a request that is answered by an error.

        Chaos Toolkit passes over both.
        """
        output = state.get("output")
        status = output.get("status") if isinstance(output, Mapping) else None
        kind, failure = activity.get("provider", {}).get("type"), ""
        if kind == "process" and status:
            said = str(output["stderr"] or output["stdout"]).strip() if isinstance(output, Mapping) else ""
            failure = f"the program ended with status {status} and said: {said[-200:] or 'nothing'}"
        elif kind == "http" and isinstance(status, int) and status >= 400:
            failure = f"the request was answered by {status}"
        return cls(datetime.fromisoformat(state["end"]), failure)

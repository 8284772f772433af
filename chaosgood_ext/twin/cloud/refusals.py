"""What the twin does not do is refused by name: an answer that nothing follows from would be a lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaosgood_ext.twin.cloud.wire import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chaosgood_ext.twin.cloud.wire import Call


def lacking(call: Call, part: str = "") -> AwsError:
    """Return the error for an action that the twin lacks, or for a `part` of one ("the parameter X")."""
    action = f"{call.signing_name}:{call.action or call.request.method + ' ' + call.request.path}"
    return AwsError("NotImplemented", f"The twin does not implement {f'{part} of ' if part else ''}{action}.", 501)


def confined(known: Mapping[str, frozenset[str]]) -> Callable[[Call], None]:
    """Return a guard that refuses all that changes something, except the `known` actions with their parameters."""

    def check(call: Call) -> None:
        if call.reads:
            return
        if call.action not in known:
            raise lacking(call)
        for parameter in call.parameters:
            if parameter not in known[call.action]:
                raise lacking(call, f"the parameter {parameter}")

    return check

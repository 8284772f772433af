"""Several outages behind one page: what of a scenario belongs to which of its variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chaosgood_ext.errors import BadInput
from chaosgood_ext.scenario.model import Play, Scenario, Variant

Dice = Callable[[Sequence[Variant]], Variant]


def choose(scenario: Scenario, name: str, fix: str, dice: Dice) -> Variant | None:
    """The variant called `name`, or one that `dice` picks where it is empty; None for a scenario that has none.

    Where a `fix` (or cheat) is named, only those variants can be picked that it is for. Raises :class:`BadInput` for
    a variant that there is not, and for one that the fix is not for.
    """
    if not scenario.variants:
        if name:
            raise BadInput("The scenario has no variants.", "Leave CHAOSGOOD_VARIANT unset.")
        return None
    fitting = [one for one in scenario.variants if not fix or _is_for(scenario.play(fix), one)]
    if not name:
        return dice(fitting)
    known = ", ".join(one.name for one in scenario.variants)
    variant = next((one for one in scenario.variants if one.name == name), None)
    if variant is None:
        raise BadInput(f"The scenario has no variant {name!r}.", f"Set CHAOSGOOD_VARIANT to one of: {known}.")
    if variant not in fitting:
        its = ", ".join(play.name for play in only(scenario, variant).plays)
        raise BadInput(f"The fix {fix!r} is not for the variant {name!r}.", f"Set CHAOSGOOD_FIX to one of: {its}.")
    return variant


def only(scenario: Scenario, variant: Variant | None) -> Scenario:
    """`scenario` as it is in `variant`: what can be done there, the first fix by default, and what made it possible."""
    if variant is None:
        return scenario
    fixes, cheats = (
        tuple(play for play in plays if _is_for(play, variant)) for plays in (scenario.fixes, scenario.cheats)
    )
    factors = (*scenario.contributing_factors, *variant.contributing_factors)
    return replace(scenario, fixes=fixes, cheats=cheats, contributing_factors=factors)


def played(method: Sequence[Mapping[str, Any]], scenario: Scenario, variant: Variant | None) -> list[Mapping[str, Any]]:
    """The activities of `method` that are played in `variant`: all but those that only other variants name."""
    if variant is None:
        return [*method]
    others = {name for one in scenario.variants for name in one.activities} - {*variant.activities}
    return [activity for activity in method if activity.get("name") not in others]


def _is_for(play: Play, variant: Variant) -> bool:
    return not play.variants or variant.name in play.variants

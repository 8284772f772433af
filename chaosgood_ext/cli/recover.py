"""`chaos recover`: the faults that a dead game left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chaosgood_ext.game.left_behind import Recovered


@click.command()
@click.argument("game", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def recover(game: str | None, as_json: bool) -> None:
    """Undo the faults that dead games left behind, of GAME or of all games.

    A game that ends in order undoes its own. This is for one that was killed, or whose machine lost power: its undo
    log holds what puts each fault back. It can be repeated, and refuses while a game is being played there.

    Ends with 0 when nothing is left, with 1 when something could not be undone (and says how to do it by hand), and
    with 2 when there is no such game or it still runs.
    """
    import json
    import sys
    from dataclasses import asdict

    from chaosgood_ext.cli.common import reported

    with reported():
        from chaosgood_ext.game.left_behind import recover as play_back

        done = play_back(game)
        if as_json:
            print(json.dumps({"games": [{**asdict(one), "clean": one.clean} for one in done]}, indent=2))
        else:
            print("\n".join(line for one in done for line in _lines(one)) or "Nothing to do: nothing is left behind.")
        if not all(one.clean for one in done):
            sys.exit(1)


def _lines(done: Recovered) -> list[str]:
    lines = [done.game]
    for fault in done.faults:
        said = fault.outcome if not fault.failure else f"NOT DONE: {fault.failure}"
        if fault.outcome and fault.failure:
            said = f"{fault.outcome}. {fault.failure}"
        lines.append(f"  {fault.fault} ({fault.environment}): {said}")
        if fault.by_hand:
            lines += ["    By hand:", *(f"      {command}" for command in fault.by_hand)]
            lines.append("    or mend what is in the way, and run `chaos recover` again.")
    return [*lines, *(f"  {note}" for note in done.notes)]

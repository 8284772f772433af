"""`chaos report`: the post-mortem of a game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("game", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def report(game: str | None, as_json: bool) -> None:
    """Write the post-mortem of GAME, the newest one by default, into its folder.

    GAME is the name of a folder under games/, or its path. A game that still runs or was killed has a post-mortem
    too: of what is on its record.

    A run of experiments/governance.yaml has a folder there too, and its report is a table of rules; GAME may also be
    the journal of any experiment whose probes are of chaosgood_ext.governance.
    """
    import json

    from chaosgood_ext.cli.common import reported

    with reported():
        from chaosgood_ext.report import compliance

        if journal := compliance.find(game):
            _print_compliance(journal, as_json)
            return
        from chaosgood_ext.record.folder import find
        from chaosgood_ext.report.figures import figures, headline
        from chaosgood_ext.report.post_mortem import summary, write

        folder = find(game)
        path = write(folder)
        if as_json:
            click.echo(json.dumps(summary(folder), indent=2))
            return
        now = figures(folder)
        click.echo(f"{folder.name}: {now.verdict}. {now.reason}")
        for name, value in headline(now).items():
            click.echo(f"  {name:<18} {value}")
        click.echo(f"  {'post-mortem':<18} {path}")


def _print_compliance(journal: Path, as_json: bool) -> None:
    import json

    from chaosgood_ext.errors import BadInput
    from chaosgood_ext.report import compliance
    from chaosgood_ext.report.table import table

    rulings = compliance.read(journal)
    if not rulings:
        raise BadInput(f"{journal} asked for no rule.", "Name a game, or a run of experiments/governance.yaml.")
    if as_json:
        click.echo(json.dumps([one.to_json() for one in rulings], indent=2))
        return
    click.echo(table(compliance.HEADERS, compliance.rows(rulings)))
    click.echo(f"\n{compliance.headline(rulings)}")
    for line in compliance.details(rulings):
        click.echo(f"  {line}")

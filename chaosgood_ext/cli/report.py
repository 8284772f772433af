"""`chaos report`: the post-mortem of a game."""

from __future__ import annotations

import click


@click.command()
@click.argument("game", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def report(game: str | None, as_json: bool) -> None:
    """Write the post-mortem of GAME, the newest one by default, into its folder.

    GAME is the name of a folder under games/, or its path. A game that still runs or was killed has a post-mortem
    too: of what is on its record.
    """
    import json

    from chaosgood_ext.cli.common import reported

    with reported():
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

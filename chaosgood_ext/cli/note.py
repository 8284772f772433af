"""`chaos note`: what the responder thinks, on the record."""

from __future__ import annotations

import click


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--game", help="The game, where several are being played.")
def note(text: tuple[str, ...], game: str | None) -> None:
    """Put TEXT on the record of the running game: a finding, a guess, a decision.

    \b
    chaos note the app cannot reach the database
    """
    from chaosgood_ext.cli.common import reported, user

    with reported():
        from chaosgood_ext.record.event import Kind
        from chaosgood_ext.record.folder import find_running

        data = {"by": user(), "text": " ".join(text)}
        find_running(game).record.append(Kind.NOTE, data, teller="responder")
        click.echo("Noted.")

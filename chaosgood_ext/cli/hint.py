"""`chaos hint`: the next hint of the scenario."""

from __future__ import annotations

import click


@click.command()
@click.option("--game", help="The game, where several are being played.")
def hint(game: str | None) -> None:
    """Show the next hint, from gentle to explicit; that you took it is on the record."""
    from chaosgood_ext.cli.common import reported

    with reported():
        from chaosgood_ext.record.event import Kind
        from chaosgood_ext.record.folder import find_running
        from chaosgood_ext.record.log import read

        folder = find_running(game)
        hints = folder.description().hints
        taken = sum(event.type == Kind.HINT for event in read(folder.events).events)
        if taken >= len(hints):
            click.echo("There are no more hints." if hints else "This scenario has no hints.")
            return
        text = hints[taken].strip()
        data = {"number": taken + 1, "of": len(hints), "text": text}
        folder.record.append(Kind.HINT, data, teller="responder")
        click.echo(f"Hint {taken + 1} of {len(hints)}: {text}")

"""`chaos ack`: the responder is on it."""

from __future__ import annotations

import click


@click.command()
@click.option("--game", help="The game, where several are being played.")
def ack(game: str | None) -> None:
    """Acknowledge the page: you are on it.

    The time from the page to this is the time to acknowledge in the post-mortem.
    """
    from chaosgood_ext.cli.common import reported, user

    with reported():
        from chaosgood_ext.errors import BadInput
        from chaosgood_ext.record.event import Kind
        from chaosgood_ext.record.folder import find_running
        from chaosgood_ext.record.log import read

        folder = find_running(game)
        events = read(folder.events).events
        if not any(event.type == Kind.NOTIFIED and event.data.get("what") == "page" for event in events):
            raise BadInput("Nobody was paged yet, so there is nothing to acknowledge.")
        if any(event.type == Kind.ACKNOWLEDGED for event in events):
            click.echo("It was acknowledged already.")
            return
        folder.record.append(Kind.ACKNOWLEDGED, {"by": user()}, teller="responder")
        click.echo("Acknowledged. Good luck.")

import click


@click.command()
def ack() -> None:
    """Not there yet."""

import click


@click.command()
def shell() -> None:
    """Not there yet."""

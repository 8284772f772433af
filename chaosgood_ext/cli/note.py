import click


@click.command()
def note() -> None:
    """Not there yet."""

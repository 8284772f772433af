import click


@click.command()
def twin() -> None:
    """Not there yet."""

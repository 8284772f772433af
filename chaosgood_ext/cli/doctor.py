import click


@click.command()
def doctor() -> None:
    """Not there yet."""

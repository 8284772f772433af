import click


@click.command()
def hint() -> None:
    """Not there yet."""

import click


@click.command()
def report() -> None:
    """Not there yet."""

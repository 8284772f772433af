"""`chaos new`: a scenario to start from."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
@click.option("--folder", default="experiments", show_default=True, help="Where to write it.")
def new(name: str, folder: str) -> None:
    """Write a scenario called NAME, which can be checked and played at once, and is commented to be changed.

    It becomes the file NAME.yaml. A file that is there already is left as it is.
    """
    from pathlib import Path

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.game.settings import Settings
    from chaosgood_ext.scenario import template

    with reported():
        path = template.write(name, Path(folder), vars(Settings()))
        print(f"Wrote {path}. Check it: chaos check {path}. Play it: chaos run {path}.")

"""Measure the figures of the performance table: `python -m benchmarks [--rounds N] [GROUP…]`."""

from __future__ import annotations

import importlib
import sys

import click

from benchmarks.figures import PAGE, RESULTS, Figure, keep, publish, show

GROUPS = ("help", "check", "set_up", "twin", "api", "request", "game")


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each is measured; games are played twice that.")
@click.argument("groups", nargs=-1, type=click.Choice(GROUPS))
def main(rounds: int, groups: tuple[str, ...]) -> None:
    """Measure GROUPS (all when none is named), print the table and keep the figures in benchmarks/results.json."""
    figures: list[Figure] = []
    for group in groups or GROUPS:
        module = importlib.import_module(f"benchmarks.{group}")
        figures += module.measure(rounds, lambda text, group=group: print(f"{group}: {text}", file=sys.stderr))
        keep(RESULTS, figures)
        publish(PAGE, RESULTS)
    print(show(figures))


main(prog_name="benchmarks")

"""`chaos dashboards`: where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chaosgood_ext.environment.outputs import Outputs


@click.command()
@click.option("--open", "in_browser", is_flag=True, help="Open the dashboards in the browser as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as JSON.")
@click.option("--twin", "twin", help="The twin, where several run (default: $CHAOSGOOD_TWIN, or the game's).")
def dashboards(in_browser: bool, as_json: bool, twin: str | None) -> None:
    """Print where Prometheus, Alertmanager, the dashboards and the shop are.

    \b
    chaos dashboards           addresses that work from here
    chaos dashboards --open    and the dashboards in the browser

    On the twin they work as long as it runs. With CHAOSGOOD_ENVIRONMENT=aws nothing but the shop is open to the
    world: the command opens port forwards by Session Manager, and keeps them open until Ctrl-C.
    """
    import sys

    from chaosgood_ext.cli.common import reported, running_outputs
    from chaosgood_ext.environment.aws.sessions import hold, open_forwards, until_told

    with reported():
        outputs, forwards = open_forwards(running_outputs(twin), lambda text: print(f"aws: {text} …", file=sys.stderr))
        with hold(forwards):
            _print(outputs, as_json)
            if in_browser:
                click.launch(outputs.urls["dashboards"].url)
            if forwards:
                print("Open until you press Ctrl-C.", file=sys.stderr)
                until_told(forwards)


def _print(outputs: Outputs, as_json: bool) -> None:
    import json
    import sys

    from chaosgood_ext.report.table import table

    if as_json:
        print(json.dumps({name: url.url for name, url in outputs.urls.items()}, indent=2))
    else:
        print(table(("what", "url"), [(name, url.url) for name, url in outputs.urls.items()]))
    sys.stdout.flush()

"""`chaos twin`: the twin by itself."""

from __future__ import annotations

from typing import Any

import click


@click.group()
def twin() -> None:
    """The local AWS by itself: start it, look at it, end it.

    \b
    chaos twin up          start one and print how the AWS CLI reaches it
    chaos twin status      tiers, hosts, addresses, health, URLs
    chaos twin env         what makes your own AWS CLI speak to it
    chaos twin down        end it; nothing is left
    """


@twin.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the outputs as JSON.")
def up(name: str | None, as_json: bool) -> None:
    """Start a twin, called NAME if you like; print what `eval` makes the AWS CLI's environment.

    \b
    eval "$(chaos twin up)"
    aws ec2 describe-instances
    """
    import json
    import sys

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.twin import launcher

    with reported():
        running = launcher.boot(name, on_progress=lambda text: print(f"twin: {text} …", file=sys.stderr))
        if as_json:
            print(json.dumps(running.outputs, indent=2))
            return
        _print_exports(running.outputs, running.name, "player")
        for title, url in running.outputs["urls"].items():
            print(f"# {title}: {url['url']}")


@twin.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def status(name: str | None, as_json: bool) -> None:
    """Show tiers, hosts, addresses, health and URLs; exit with 1 when something is missing."""
    import json
    import os
    import sys

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.report.table import table
    from chaosgood_ext.twin import launcher

    with reported():
        running = launcher.find(name or os.environ.get("CHAOSGOOD_TWIN"))
        now = running.status()
        if as_json:
            print(json.dumps({"name": running.name, "urls": running.outputs["urls"], **now}, indent=2))
        else:
            print(f"twin {running.name}" + (" (of a game)" if running.private else ""))
            rows = [
                (
                    host["tier"] or "-",
                    (host["aliases"] or [host["name"]])[0],
                    host["name"],
                    host["address"],
                    _units(host),
                )
                for host in sorted(now["hosts"], key=lambda host: (host["tier"], host["aliases"]))
            ]
            print(table(("tier", "host", "id", "address", "programs"), rows))
            print(
                table(
                    ("what", "url", "access"),
                    [(k, v["url"], v["access"]) for k, v in running.outputs["urls"].items()],
                )
            )
            print("health: " + ("steady" if not now["missing"] else "missing " + ", ".join(now["missing"])))
        if now["missing"]:
            sys.exit(1)


@twin.command()
@click.argument("name", required=False)
@click.option("--facilitator", is_flag=True, help="As the facilitator, who may do all, instead of as the responder.")
def env(name: str | None, facilitator: bool) -> None:
    """Print the environment with which the AWS CLI and boto3 speak to a running twin.

    \b
    eval "$(chaos twin env)"
    aws ec2 describe-instances
    """
    import os

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.twin import launcher

    with reported():
        running = launcher.find(name or os.environ.get("CHAOSGOOD_TWIN"))
        _print_exports(running.outputs, running.name, "facilitator" if facilitator else "player")


@twin.command()
@click.argument("name", required=False)
def down(name: str | None) -> None:
    """End a twin: no process, mount, namespace, socket or file of it is left."""
    import os

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.twin import launcher

    with reported():
        running = launcher.find(name or os.environ.get("CHAOSGOOD_TWIN"))
        launcher.shut_down(running)
        print(f"Twin {running.name} is gone.")


def _print_exports(outputs: dict[str, Any], name: str, who: str) -> None:
    from shlex import quote

    from chaosgood_ext.twin import launcher

    for key, value in launcher.exports(outputs, who).items():
        print(f"export {key}={quote(value)}")
    print(f"export CHAOSGOOD_TWIN={name}")


def _units(host: dict[str, object]) -> str:
    units = host["units"]
    assert isinstance(units, list)
    return ", ".join(unit["name"] + ("" if unit["running"] else " (down)") for unit in units) or "-"

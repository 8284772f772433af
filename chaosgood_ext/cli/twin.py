"""`chaos twin`: the twin by itself."""

from __future__ import annotations

import click


@click.group()
def twin() -> None:
    """The local AWS by itself: start it, look at it, end it.

    \b
    chaos twin up          start one and print how the AWS CLI reaches it
    chaos twin status      tiers, hosts, addresses, health, URLs
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
        for key, value in launcher.exports(running.outputs).items():
            print(f"export {key}={value}")
        print(f"export CHAOSGOOD_TWIN={running.name}")
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

    from chaosgood_ext.cli.common import reported, table
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
def down(name: str | None) -> None:
    """End a twin: no process, mount, namespace, socket or file of it is left."""
    import os

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.twin import launcher

    with reported():
        running = launcher.find(name or os.environ.get("CHAOSGOOD_TWIN"))
        launcher.shut_down(running)
        print(f"Twin {running.name} is gone.")


def _units(host: dict[str, object]) -> str:
    units = host["units"]
    assert isinstance(units, list)
    return ", ".join(unit["name"] + ("" if unit["running"] else " (down)") for unit in units) or "-"

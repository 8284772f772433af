"""`chaos reset`: the environment as it was built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chaosgood_ext.game.resetting import Reset


@click.command()
@click.argument("name", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what differs.")
@click.option("--json", "as_json", is_flag=True, help="Print what differs and the outputs as JSON.")
def reset(name: str | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Bring the twin NAME back to what was built, whatever the responder left.

    First it shows what differs: security groups and their rules, routes, network ACLs, sizes, targets, the database,
    programs, files of hosts, alert rules. Then it builds the twin anew, under its name; its ports outside change, and
    what is in its database is new. On aws, `make aws-plan` and `make aws-up` do this.

    Ends with 0 when it is as it was built, or for --dry-run when it was shown; 2 when it may not be done.
    """
    import json
    import sys
    from dataclasses import asdict

    from chaosgood_ext.cli.common import reported

    with reported():
        from chaosgood_ext.errors import BadInput
        from chaosgood_ext.game.resetting import look, rebuild

        found = look(name)
        differences = [asdict(one) for one in found.differences]
        seen: dict[str, Any] = {"twin": found.twin.name, "differences": differences, "unseen": found.unseen}
        if not as_json:
            print("\n".join(_lines(found)))
        if dry_run:
            if as_json:
                print(json.dumps({**seen, "reset": False}, indent=2))
            return
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise BadInput(
                    f"Twin {found.twin.name} is not reset without a word.", "Say --yes, or --dry-run to look."
                )
            if not click.confirm(f"Build twin {found.twin.name} anew?"):
                return
        new = rebuild(found, lambda text: print(f"twin: {text} …", file=sys.stderr))
        if as_json:
            print(json.dumps({**seen, "reset": True, "outputs": new.outputs}, indent=2))
            return
        print(f"Twin {new.name} is as it was built. Its addresses are new:")
        for title, url in new.outputs["urls"].items():
            print(f"  {title:<14} {url['url']}")
        print('  the AWS API    eval "$(chaos twin env)"')


def _lines(found: Reset) -> list[str]:
    if found.unseen:
        return [f"Twin {found.twin.name} cannot be compared: {found.unseen}"]
    if not found.differences:
        return [
            f"Twin {found.twin.name}: nothing differs from what was built, as far as can be seen "
            "(what is in the database is not compared)."
        ]
    lines = [f"Twin {found.twin.name} differs from what was built (- is missing, + was added):"]
    for one in found.differences:
        lines.append(f"  {one.thing}")
        lines += [f"    - {fact}" for fact in one.missing] + [f"    + {fact}" for fact in one.added]
    return lines

"""`chaos aws`: the environment on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chaosgood_ext.environment.aws.building import Planned, Site
    from chaosgood_ext.game.place import Place


@click.group()
def aws() -> None:
    """The same environment in a real AWS account, built by terraform.

    \b
    chaos aws cost         what it costs an hour
    chaos aws plan         what would be built or changed
    chaos aws up           build it
    chaos aws down         destroy it, and look that nothing is left
    chaos aws unlock       let the player in again, whom the budget locked out

    Which accounts may be built in, says terraform/aws.toml.
    """


@aws.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def cost(as_json: bool) -> None:
    """Print what an environment costs an hour, item by item, with the source of each price."""
    import json

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.report.table import table

    with reported():
        from chaosgood_ext.environment import built
        from chaosgood_ext.environment.aws.cost import bill, prices

        known = prices()
        items = bill(built.topology(), known)
        total = sum(item.cost_an_hour for item in items)
        if as_json:
            rows = [
                {"item": i.what, "number": i.number, "usd_an_hour": round(i.cost_an_hour, 5), "source": i.source}
                for i in items
            ]
            print(
                json.dumps({"items": rows, "usd_an_hour": round(total, 4), "looked_up": known["looked_up"]}, indent=2)
            )
            return
        cells = [(i.what, f"{i.number:g}", f"{i.cost_an_hour:.4f}", i.source) for i in items]
        print(table(("item", "number", "USD an hour", "source"), [*cells, ("together", "", f"{total:.4f}", "")]))
        print(
            f"\nPrices of {known['region']}, on demand, without taxes, free tier and CPU credits beyond the baseline; "
            f"looked up {known['looked_up']} ({known['how']})."
        )


@aws.command()
@click.option("--hours", type=float, help="Lifetime from now on (default: that of terraform/aws.toml).")
def plan(hours: float | None) -> None:
    """Print what would be built or changed; change nothing."""
    from chaosgood_ext.cli.common import reported

    with reported():
        from chaosgood_ext.environment.aws import building

        with building.plan(_site(), hours) as planned:
            print(_told(planned))


@aws.command()
@click.option("--hours", type=float, help="Lifetime from now on (default: that of terraform/aws.toml).")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def up(hours: float | None, yes: bool) -> None:
    """Build the environment, or bring it back to what was built; repeat it after a failure.

    At the end of its lifetime what costs money deletes itself. `--hours` moves the end.
    """
    import sys

    from chaosgood_ext.cli.common import reported
    from chaosgood_ext.report.table import table

    with reported():
        from chaosgood_ext.environment.aws import building
        from chaosgood_ext.errors import BadInput

        site = _site()
        for game in _games():
            raise BadInput(
                f"The game {game} is being played there, and building would put back what it breaks.",
                "End it first: Ctrl-C in its terminal.",
            )
        with building.plan(site, hours) as planned:
            print(_told(planned))
            if not yes:
                if not sys.stdin.isatty():
                    raise BadInput("Nothing is built without a word.", "Say --yes, or use `chaos aws plan`.")
                if not click.confirm("Build that?"):
                    return
            outputs = building.build(site, planned)
        print(table(("what", "url", "access"), [(name, url.url, url.access) for name, url in outputs.urls.items()]))
        print(
            f"\nIt is up until {planned.until}. To play: CHAOSGOOD_ENVIRONMENT=aws chaos run experiments/sg-break.yaml"
        )
        print("To end it: chaos aws down")


@aws.command()
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def down(yes: bool) -> None:
    """Destroy the environment, and sweep what terraform does not know of, until nothing is left.

    It can be repeated after any failure, and works without terraform's state as well.
    """
    import sys

    from chaosgood_ext.cli.common import reported

    with reported():
        from chaosgood_ext.environment.aws import building
        from chaosgood_ext.errors import BadInput
        from chaosgood_ext.game.left_behind import close_those_in

        site = _site(to_destroy=True)
        caller = site.caller()
        for game in _games():
            print(f"The game {game} is being played there; it ends with its environment.", file=sys.stderr)
        if not yes:
            if not sys.stdin.isatty():
                raise BadInput("Nothing is destroyed without a word.", "Say --yes.")
            if not click.confirm(f"Destroy the environment in account {caller.account_id}?"):
                return
        left = building.take_down(site)
        if left:
            print(f"{len(left)} things of {site.topology['name']} are left:", *left, sep="\n  ")
            print("Repeat `chaos aws down` in some minutes; what stays then, delete in the console.")
            sys.exit(1)
        close_those_in(_is_on_aws, "gone with the environment, which was destroyed")
        print(f"Nothing is left in account {caller.account_id}.")


@aws.command()
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def unlock(yes: bool) -> None:
    """Let the player in again, whom the budget's action locked out; the costs go on.

    On another day that costs as much, the action may lock them out again.
    """
    import sys

    from chaosgood_ext.cli.common import reported

    with reported():
        from chaosgood_ext.environment.aws import lockout
        from chaosgood_ext.errors import BadInput

        site = _site(to_destroy=True)
        caller = site.caller()
        region, game, role = (site.topology["region"], site.topology["name"], site.topology["roles"]["player"])
        arn = lockout.attached(site.session, region, game, role)
        if not arn:
            print(f"The player is not locked out in account {caller.account_id}.")
            return
        print(lockout.told(arn, role))
        if not yes:
            if not sys.stdin.isatty():
                raise BadInput("Nobody is let in without a word.", "Say --yes.")
            if not click.confirm("Let them in, and let costs go on?"):
                return
        lockout.let_in(site.session, region, role, arn)
        print("They are in again.")


def _games() -> Iterator[str]:
    """Names of the games that are played on AWS from this machine."""
    from chaosgood_ext.game.left_behind import playing

    yield from (folder.name for folder, environment in playing() if environment.startswith("aws "))


def _is_on_aws(place: Place) -> bool:
    return place.environment.startswith("aws ")


def _site(*, to_destroy: bool = False) -> Site:
    import sys

    from chaosgood_ext.environment import built
    from chaosgood_ext.environment.aws import account, building, settings
    from chaosgood_ext.environment.aws.terraform import Terraform

    def tell(text: str) -> None:
        print(f"aws: {text} …", file=sys.stderr)

    decided = settings.to_destroy() if to_destroy else settings.load()
    terraform = Terraform(settings.TERRAFORM, tell)
    return building.Site(decided, built.topology(), account.session(), terraform, _outputs(), tell)


def _outputs() -> Path:
    from chaosgood_ext.environment.find import aws_outputs

    return aws_outputs()


def _told(planned: Planned) -> str:
    from chaosgood_ext.environment.aws.plans import put_back, summary
    from chaosgood_ext.report.table import table

    head = "\n".join([*planned.remarks, f"Account {planned.account_id}, until {planned.until}"])
    back = [*put_back(planned.changes), *planned.foreign]
    if not planned.changes and not back:
        return f"{head}: nothing to change."
    told = f"{head}:\n" + table(("part", "action", "number"), summary(planned.changes))
    return told + ("\n\nChanged since it was built, and put back:\n  " + "\n  ".join(back) if back else "")

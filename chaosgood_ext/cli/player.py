"""`chaos player`: credentials for whoever repairs."""

from __future__ import annotations

import click

_FORMS = ("env", "profile", "process", "console", "json")


@click.command()
@click.option("--as", "form", type=click.Choice(_FORMS), default="env", help="What to print; see above.")
@click.option("--name", help="Whose session it is, for CloudTrail and its tags (default: your user name).")
@click.option("--minutes", type=click.IntRange(15, 60), help="How long it lasts (default: an hour).")
@click.option("--twin", "twin", help="The twin, where several run (default: $CHAOSGOOD_TWIN, or the game's).")
def player(form: str, name: str | None, minutes: int | None, twin: str | None) -> None:
    """Give out credentials of the player, who may repair any scenario and nothing else.

    \b
    eval "$(chaos player)"                        this shell is the player, for an hour
    chaos player --name ada                       for somebody else: hand over what it prints
    chaos player --as profile >> ~/.aws/config    a profile, renewed by itself; no secret is in the file
    chaos player --as console                     a link that signs in to the console (aws)
    chaos player --as process, --as json          for programs

    You are the facilitator: on the twin always, on aws by your own sign-in. The session is of the role
    chaosgood-player (sts:AssumeRole), with tags `environment` and `player`; CloudTrail shows its name with every call.
    With CHAOSGOOD_ENVIRONMENT=aws it is for the environment there, else for the running twin.
    """
    import json

    from chaosgood_ext.cli.common import reported, running_outputs, user
    from chaosgood_ext.environment import player as players
    from chaosgood_ext.errors import BadInput

    with reported():
        outputs = running_outputs(twin)
        whose = name or user()
        if form == "profile":
            click.echo(players.profile(outputs, whose, _again(outputs.kind, outputs.name, whose, minutes)))
            return
        if form == "console" and minutes:
            raise BadInput("A session for the console cannot be given a length.", "Leave --minutes out: it is an hour.")
        signed_in = players.sign_in(outputs, whose, minutes)
        if form == "console":
            click.echo(players.console_link(signed_in))
        elif form == "process":
            click.echo(signed_in.process())
        elif form == "json":
            until = signed_in.expires.isoformat()
            click.echo(json.dumps({"name": whose, "expires": until, "variables": signed_in.variables()}, indent=2))
        else:
            click.echo(signed_in.exports())
            click.echo(f"# {whose} is the player in {outputs.kind} {outputs.name} until {signed_in.expires:%H:%M} UTC")


def _again(kind: str, environment: str, name: str, minutes: int | None) -> list[str]:
    """The command that the profile runs, wherever the AWS CLI is called."""
    import os
    import sys
    from pathlib import Path

    chaos = str(Path(sys.executable).with_name("chaos"))
    # It must find what this process has found, and must not be the player already.
    kept = {key: os.environ[key] for key in ("CHAOSGOOD_CACHE", "CHAOSGOOD_OUTPUTS") if key in os.environ}
    kept["CHAOSGOOD_ENVIRONMENT"] = kind
    asked = ["player", "--as", "process", "--name", name, *(["--minutes", str(minutes)] if minutes else [])]
    if kind == "twin":
        asked += ["--twin", environment]
    variables = [f"{key}={value}" for key, value in kept.items()]
    return ["env", "-u", "AWS_PROFILE", *variables, chaos, "--no-version-check", *asked]

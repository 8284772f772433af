"""`chaos shell`: where the responder works."""

from __future__ import annotations

import click


class _TakesCommand(click.Command):
    """Keeps what stands behind `--` from click, which would mix it with the arguments before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before `--`; the rest is the command."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[__name__] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


@click.command(cls=_TakesCommand, options_metavar="[OPTIONS]")
@click.argument("host", required=False)
@click.option("--twin", "name", help="The twin, where several run (default: $CHAOSGOOD_TWIN, or the game's).")
@click.pass_context
def shell(ctx: click.Context, host: str | None, name: str | None) -> None:
    """Open a shell where an engineer would work, or run COMMAND there.

    \b
    chaos shell [HOST] [-- COMMAND...]

    \b
    chaos shell                       your workstation inside the VPC, with the AWS CLI
    chaos shell app-1                 a host: web-1, web-2, app-1, app-2, monitoring
    chaos shell app-1 -- ss -tn       one command, with its exit status
    chaos shell -- aws ec2 describe-instances

    HOST may be an alias, an instance id, a host name or an address; `chaos twin status` lists them. What you type
    is on the game's record. With CHAOSGOOD_ENVIRONMENT=aws it is a Session Manager session there; HOST is then an alias
    or an instance id, and a command's exit status is lost on the way.
    """
    import os

    from chaosgood_ext.cli.common import reported, twin_of_the_game

    with reported():
        if os.environ.get("CHAOSGOOD_ENVIRONMENT") == "aws":
            argv = _on_aws(host or "workstation", ctx.meta[__name__])
            os.execvp(argv[0], argv)  # noqa: S606 - as below
        from chaosgood_ext.twin import launcher

        running = launcher.find(name or os.environ.get("CHAOSGOOD_TWIN") or twin_of_the_game())
        argv = running.argv_in(host or "workstation", ctx.meta[__name__])
        os.execvp(argv[0], argv)  # noqa: S606 - a terminal's signals are the shell's own


def _on_aws(host: str, command: list[str]) -> list[str]:
    from chaosgood_ext.environment.aws import account
    from chaosgood_ext.environment.aws.sessions import instance_of, shell_argv
    from chaosgood_ext.environment.find import standing_aws

    outputs = standing_aws()
    return shell_argv(outputs, instance_of(outputs, host, account.session()), command)

"""Building the environment on AWS and taking it down again; each can be repeated after any failure."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from chaosgood_ext.environment.aws import account, expiry, keys, lockout, rules
from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.booting import DONE, Boots
from chaosgood_ext.environment.aws.plans import Change
from chaosgood_ext.environment.aws.settings import (
    TERRAFORM,
    Settings,
    end_of_lifetime,
    end_told,
    forget,
    is_over,
    write,
    written,
)
from chaosgood_ext.environment.aws.sweep.sweeper import Sweeper
from chaosgood_ext.environment.aws.terraform import TerraformFailed
from chaosgood_ext.environment.outputs import Outputs, parse
from chaosgood_ext.errors import ChaosGoodError, EnvironmentUnavailable, MachineError

Progress = Callable[[str], None]


class Provisioner(Protocol):
    """What is needed of :class:`~chaosgood_ext.environment.aws.terraform.Terraform`."""

    def init(self) -> None: ...  # noqa: D102
    def plan(self, path: Path, variables: Path) -> list[Change]: ...  # noqa: D102
    def apply(self, path: Path) -> None: ...  # noqa: D102
    def destroy(self) -> None: ...  # noqa: D102
    def output(self) -> object: ...  # noqa: D102
    def ids(self) -> set[str]: ...  # noqa: D102


@dataclass(frozen=True)
class Planned:
    """A plan that was made: its file, what it changes, with which settings, for which account, until when.

    `remarks` are what whoever builds should know besides, a sentence each; `foreign` are the security-group rules that
    were not built and go, a line each.
    """

    path: Path
    changes: Sequence[Change]
    settings: Settings
    account_id: str
    until: str
    remarks: Sequence[str] = ()
    foreign: Sequence[str] = ()


@dataclass(frozen=True)
class Site:
    """Where is built: settings, topology, a boto3 session, terraform, and the folder that terraform is run in."""

    settings: Settings
    topology: Mapping[str, Any]
    session: Any
    terraform: Provisioner
    outputs: Path
    on_progress: Progress = lambda _: None
    folder: Path = TERRAFORM
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @cached_property
    def aws(self) -> Aws:
        """The account and region, asked for what is this environment's."""
        return Aws(self.session, self.topology["region"], self.topology["name"])

    def sweeper(self) -> Sweeper:
        """Sweeps this environment."""
        return Sweeper(self.aws, self.on_progress)

    def boots(self) -> Boots:
        """Looks at the hosts of this environment."""
        return Boots(self.aws, self.on_progress)

    def caller(self) -> account.Caller:
        """Who we are; raises unless something may be built in our account."""
        caller = account.identify(self.session, self.topology["region"])
        account.must_be_allowed(caller, self.settings.accounts)
        return caller


@contextmanager
def plan(site: Site, hours: float | None = None) -> Iterator[Planned]:
    """Plan to build; the plan's file exists within the context.

    The end of an environment that is up and has not expired stays, unless `hours` from now are asked for. Raises
    :class:`~chaosgood_ext.errors.BadInput` for an account that is not allowed, and what terraform raises.
    """
    caller = site.caller()
    _same_account(written(site.folder), caller.account_id)
    until, remarks = _until(site, caller.account_id, hours), list(_remarks(site))
    found = _ci_provider(site) if "ci_repository" in site.settings.variables else {}
    found["ssh_public_key"] = keys.ensure(site.outputs.parent)
    settings = replace(site.settings, variables={**site.settings.variables, **found})
    site.on_progress("terraform init")
    site.terraform.init()
    site.on_progress("terraform plan")
    with tempfile.TemporaryDirectory(prefix="chaosgood-") as folder:
        path = Path(folder) / "plan"
        # Not in terraform's folder: what is only planned has neither an account nor an end.
        changes = site.terraform.plan(path, write(settings, caller.account_id, until, Path(folder)))
        foreign = [f"{rule.text} was not built, and goes" for rule in rules.foreign(site.aws, site.terraform.ids())]
        yield Planned(path, changes, settings, caller.account_id, until, remarks, foreign)


def _remarks(site: Site) -> Iterator[str]:
    until = written(site.folder).get("expires_at")
    if until and is_over(str(until), site.now()):
        yield f"The environment expired at {until}: what costs has deleted itself, and is built again."
    role = site.topology["roles"]["player"]
    if arn := lockout.attached(site.session, site.topology["region"], site.topology["name"], role):
        yield f"{lockout.told(arn, role)} {lockout.REMEDY}"


_CI_PROVIDER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


def _ci_provider(site: Site) -> dict[str, str]:
    """The account's identity provider for GitHub, unless this environment made it: it can have no second one.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
    """
    iam = site.session.client("iam", region_name=site.topology["region"])
    with account.answering("which identity providers the account has"):
        known = [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
        arn = next((arn for arn in known if arn.endswith(f"/{_CI_PROVIDER}")), None)
        if arn is None:
            return {}
        provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    if {"Key": "game", "Value": site.topology["name"]} in provider.get("Tags", []):
        return {}
    if _AUDIENCE not in provider["ClientIDList"]:
        raise EnvironmentUnavailable(
            f"The account's identity provider {arn} is not for {_AUDIENCE}, so no workflow could use the role.",
            f"aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} "
            f"--client-id {_AUDIENCE}",
        )
    return {"ci_provider_arn": arn}


def _until(site: Site, account_id: str, hours: float | None) -> str:
    told = written(site.folder)
    until = str(told.get("expires_at", ""))
    if hours is None and told.get("account_id") == account_id and not is_over(until, site.now()):
        return until
    return end_of_lifetime(site.now(), site.settings.lifetime_hours if hours is None else hours)


def build(site: Site, planned: Planned) -> Outputs:
    """Carry out a plan, keep the outputs, which games read, and wait until all hosts are up.

    Raises what terraform raises, and what :meth:`~chaosgood_ext.environment.aws.booting.Boots.wait` does. After a
    failure nothing is taken back: repeating goes on where it stopped.
    """
    write(planned.settings, planned.account_id, planned.until, site.folder)
    _revoke_foreign_rules(site, site.terraform.ids())
    try:
        site.terraform.apply(planned.path)
    except TerraformFailed as failed:
        if "timeout while waiting" in failed.output:
            for host in site.boots().look():
                if host.outcome != DONE:
                    site.on_progress(str(host))
        raise
    if moved := expiry.move(site.aws, planned.until):
        site.on_progress(f"moved the end of {len(moved)} hosts, disks and interfaces to {planned.until}")
    document = site.terraform.output()
    outputs = parse(document, "terraform")
    site.outputs.parent.mkdir(parents=True, exist_ok=True)
    site.outputs.write_text(json.dumps(document, indent=2) + "\n")
    site.boots().wait()
    return outputs


def _revoke_foreign_rules(site: Site, built: set[str]) -> None:
    """Revoke what was not built: a rule that a responder put back is the same one under another id.

    terraform would try to make it again, and AWS would call that a duplicate.
    """
    found = rules.foreign(site.aws, built)
    with account.answering("to revoke what was not built"):
        for rule in found:
            rules.revoke(site.aws, rule.known)
            site.on_progress(f"revoked {rule.text}, which was not built")


def take_down(site: Site) -> list[str]:
    """Destroy the environment and sweep what is left of it; return what is still there, as people call it.

    The sweep needs neither terraform nor its state: it deletes what players made and terraform trips over, and the
    whole environment where the state is lost or terraform cannot be had. Raises
    :class:`~chaosgood_ext.environment.aws.terraform.TerraformFailed` only while another terraform works on it.
    """
    caller = site.caller()
    _same_account(written(site.folder), caller.account_id)
    write(site.settings, caller.account_id, end_told(site.folder), site.folder)
    failed = _destroy(site)
    if failed is not None:
        site.on_progress(f"{failed.what} Sweeping away what is there instead")
    site.outputs.unlink(missing_ok=True)
    site.on_progress("looking for what is left")
    left = site.sweeper().clear()
    if failed is not None and not left and (failed := _destroy(site)):
        site.on_progress(f"nothing is left, but terraform's state does not know it yet: {failed.what}")
    if not left:
        forget(site.folder)
        keys.forget(site.outputs.parent)
    return left


def _destroy(site: Site) -> ChaosGoodError | None:
    """Let terraform destroy; return why it did not."""
    try:
        site.on_progress("terraform init")
        site.terraform.init()
        # What players made keeps terraform waiting for a quarter of an hour before it gives up.
        built = site.terraform.ids()
        _revoke_foreign_rules(site, built)
        site.sweeper().clear_foreign(built)
        site.on_progress("terraform destroy")
        site.terraform.destroy()
    except (MachineError, TerraformFailed) as failed:
        if isinstance(failed, TerraformFailed) and failed.is_locked:
            raise
        return failed
    return None


def _same_account(told: Mapping[str, Any], account_id: str) -> None:
    before = told.get("account_id")
    if before and before != account_id:
        raise EnvironmentUnavailable(
            f"The environment was built in account {before}, and these are credentials of {account_id}.",
            f"Use credentials of {before}.",
        )

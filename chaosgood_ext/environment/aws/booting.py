"""Whether hosts came up: the end of their first boots, and of the refreshes by which groups make them anew.

Terraform waits for neither of monitoring host and workstation, nor for a refresh.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.errors import EnvironmentUnavailable

Progress = Callable[[str], None]

DONE = "done"
_RUNNING = "running"
_SILENT = "does not answer Systems Manager"
_ASK = "cat /var/log/first-boot"
"""Where a first boot writes what it has come to: `running`, `done`, or at which line it failed."""
_FAILED = re.compile(r"^(?:.*: )?(failed at line \d+: .*\S)\s*$", re.MULTILINE)
_ANSWERS_WITHIN_S = 30
"""The least that AWS lets a command wait for an agent."""
_GONE = ("terminated", "shutting-down")
_REFRESHING = {"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"}


@dataclass(frozen=True)
class Host:
    """A host that exists, and what its first boot has come to."""

    instance_id: str
    tier: str
    outcome: str

    @property
    def failed(self) -> bool:
        """Whether it will never be done."""
        return self.outcome.startswith("failed")

    def __str__(self) -> str:
        return f"{self.tier} {self.instance_id}: {self.outcome}"


@dataclass
class Boots:
    """Looks at the hosts of one environment."""

    aws: Aws
    on_progress: Progress = lambda _: None
    period_s: float = 10.0

    def wait(self, deadline_s: float = 1800) -> None:
        """Wait until all hosts have booted and none is being replaced; those that are stopped are started.

        Raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` for hosts whose first boot failed or does not end,
        and for groups whose refresh did, with how to look and what to do.
        """
        end, told = time.monotonic() + deadline_s, ""
        while True:
            refreshes, hosts = dict(self._refreshes()), self.look()
            refreshing = [group for group, status in refreshes.items() if status.split(":")[0] in _REFRESHING]
            lacking = [host for host in hosts if host.outcome != DONE]
            if any(host.failed for host in lacking):
                raise self._not_up(lacking, {})
            self._start([host for host in lacking if host.outcome == "stopped"])
            if not refreshing and not lacking:
                break
            if time.monotonic() > end:
                raise self._not_up(lacking, {group: refreshes[group] for group in refreshing})
            names = [*(f"the refresh of {group}" for group in refreshing), *map(str, lacking)]
            if (text := f"waiting for {', '.join(names)}") != told:
                self.on_progress(text)
                told = text
            time.sleep(self.period_s)
        if refreshes:
            raise self._not_up([], refreshes)

    def _start(self, stopped: Sequence[Host]) -> None:
        """Start what a game or its responder stopped: a group replaces such a host, and terraform leaves it so."""
        if stopped:
            self.aws["ec2"].start_instances(InstanceIds=[host.instance_id for host in stopped])
            self.on_progress(f"started {', '.join(f'{host.tier} {host.instance_id}' for host in stopped)}")

    def look(self) -> list[Host]:
        """All hosts as they are now, in the order of their tiers."""
        states: dict[str, tuple[str, str]] = {}
        reservations = self.aws.every("ec2", "describe_instances", "Reservations", Filters=self.aws.tag)
        for instance in (instance for reservation in reservations for instance in reservation["Instances"]):
            if (state := instance["State"]["Name"]) not in _GONE:
                tiers = [tag["Value"] for tag in instance["Tags"] if tag["Key"] == "tier"]
                states[instance["InstanceId"]] = (tiers[0] if tiers else "", state)
        answers = self._ask([instance for instance, (_, state) in states.items() if state == "running"])
        hosts = [
            Host(instance, tier, (answers.get(instance) or self._console(instance)) if state == "running" else state)
            for instance, (tier, state) in states.items()
        ]
        return sorted(hosts, key=lambda host: (host.tier, host.instance_id))

    def _ask(self, instances: Sequence[str]) -> Mapping[str, str]:
        """What first boots have come to, of those instances whose agent answers."""
        if not instances:
            return {}
        ssm = self.aws["ssm"]
        managed = {
            each["InstanceId"]
            for each in self.aws.every("ssm", "describe_instance_information", "InstanceInformationList")
            if each["PingStatus"] == "Online"
        }
        if not (asked := sorted(managed.intersection(instances))):
            return {}
        try:
            command = ssm.send_command(
                InstanceIds=asked, DocumentName="AWS-RunShellScript", Parameters={"commands": [_ASK]},
                TimeoutSeconds=_ANSWERS_WITHIN_S, Comment="Has it booted?",
            )["Command"]["CommandId"]  # fmt: skip
        except ssm.exceptions.InvalidInstanceId:  # one has gone since
            return {}
        end = time.monotonic() + _ANSWERS_WITHIN_S
        answers: dict[str, str] = {}
        while len(answers) < len(asked) and time.monotonic() < end:
            for said in ssm.list_command_invocations(CommandId=command, Details=True)["CommandInvocations"]:
                if said["Status"] in ("Success", "Failed"):
                    text = "".join(plugin.get("Output", "") for plugin in said["CommandPlugins"])
                    answers[said["InstanceId"]] = text.strip() if said["Status"] == "Success" else _RUNNING
            if len(answers) < len(asked):
                time.sleep(self.period_s / 10)
        return answers

    def _console(self, instance: str) -> str:
        """What a host's console says of its first boot: one that fails before the agent is installed has no other."""
        said = self.aws["ec2"].get_console_output(InstanceId=instance, Latest=True).get("Output", "")
        return next(iter(_FAILED.findall(said)), _SILENT)

    def _refreshes(self) -> Iterator[tuple[str, str]]:
        """How the latest refresh goes of each group that is being refreshed, or has hosts of an earlier template.

        AWS lists them from the latest on. How one ended that left no such host, a player's perhaps, is no matter.
        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeInstanceRefreshes.html
        """
        groups = self.aws.every(
            "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", Filters=self.aws.tag
        )
        for group in groups:
            name = group["AutoScalingGroupName"]
            found = self.aws["autoscaling"].describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)
            latest = next(iter(found["InstanceRefreshes"]), {"Status": "none"})
            if latest["Status"] in _REFRESHING or _is_stale(group):
                reason = latest.get("StatusReason")
                yield name, f"{latest['Status']}: {reason}" if reason else latest["Status"]

    def _not_up(self, hosts: Sequence[Host], refreshes: Mapping[str, str]) -> EnvironmentUnavailable:
        said = [*map(str, hosts), *(f"refresh of {group}: {status}" for group, status in refreshes.items())]
        remedy = []
        if hosts:
            one = f"--region {self.aws.region} --instance-id"
            remedy += [
                "Look: CHAOSGOOD_ENVIRONMENT=aws chaos shell ID, in /var/log/cloud-init-output.log; or, where no shell "
                f"opens, `aws ec2 get-console-output --latest --output text {one} ID`.",
                f"To have a host made anew: `aws ec2 terminate-instances {one}s ID`, then repeat the command.",
            ]
        if refreshes:
            remedy.append(
                "To replace what the refresh did not: `aws autoscaling start-instance-refresh "
                f"--region {self.aws.region} --auto-scaling-group-name GROUP`, then repeat the command."
            )
        return EnvironmentUnavailable(f"Not all hosts came up. {'; '.join(said)}.", " ".join(remedy))


def _is_stale(group: Mapping[str, Any]) -> bool:
    """Whether a host of the group is of another launch template than the group, whose name tells of its files."""
    wanted = group.get("LaunchTemplate", {}).get("LaunchTemplateId")
    return any(one.get("LaunchTemplate", {}).get("LaunchTemplateId") != wanted for one in group["Instances"])

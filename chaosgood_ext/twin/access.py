"""Who may do what on the twin: the roles and policies that terraform's module `access` makes, from the same files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosgood_ext.twin.cloud import ACCOUNT_ID
from chaosgood_ext.twin.hosts.files import STACK

HOSTS = ("web", "app", "monitoring", "workstation")
"""The tiers whose hosts have a role and an instance profile of their own, called after them."""

_TASKS = {"execution": "ECS agent: log and secret", "task": "Tasks of the shop: ECS Exec"}
_PEOPLE = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
_SESSION_S = 3600

Tags = Sequence[Mapping[str, str]]


def policies(vpc_id: str) -> dict[str, str]:
    """The policies of `stack/policies` by their names, for the VPC `vpc_id`; they are written for this account."""
    return {
        path.stem: path.read_text().replace("vpc/vpc-chaosgood", f"vpc/{vpc_id}")
        for path in sorted((STACK / "policies").glob("*.json"))
    }


@dataclass(frozen=True)
class Access:
    """Makes roles and policies whose names begin with `name`; `tags` gives the tags of what has a name."""

    iam: Any
    name: str
    policies: Mapping[str, str]
    tags: Callable[[str], Tags]

    def make_people(self, roles: Mapping[str, str]) -> dict[str, str]:
        """The roles of people by their policies' names, within the boundary; returns their ARNs."""
        boundary = self.policy("boundary", "What no role of the environment can exceed")
        trust = _trust({"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}, _PEOPLE)
        return {key: self.role(name, trust, boundary, {key: self.policies[key]}) for key, name in roles.items()}

    def make_hosts(self) -> None:
        """A role and an instance profile for each of :data:`HOSTS`, within the boundary."""
        for tier in HOSTS:
            name = self._named(tier)
            own = {"instance": "instance", tier: f"instance-{tier}"}
            inline = {key: self.policies[file] for key, file in own.items() if file in self.policies}
            self.role(name, _trust({"Service": "ec2.amazonaws.com"}), self._arn("boundary"), inline)
            self.iam.create_instance_profile(InstanceProfileName=name, Tags=self.tags(name))
            self.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def make_tasks(self) -> None:
        """The roles of ECS's agent and of the tasks, within the boundary."""
        trust = _trust({"Service": "ecs-tasks.amazonaws.com"})
        for key, said in _TASKS.items():
            self.role(self._named(key), trust, self._arn("boundary"), {key: self.policies[key]}, said)

    def make_service_role(self, key: str, service: str, said: str) -> str:
        """The role in which an AWS `service` does one thing: its policy `key` is its boundary too. Returns its ARN."""
        policy = self.policy(key, said)
        condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
        trust = _trust({"Service": f"{service}.amazonaws.com"}, condition=condition)
        made = self.role(self._named(key), trust, policy, {}, said)
        self.iam.attach_role_policy(RoleName=self._named(key), PolicyArn=policy)
        return made

    def policy(self, key: str, said: str) -> str:
        """A policy of its own; returns its ARN."""
        name = self._named(key)
        made = self.iam.create_policy(
            PolicyName=name, PolicyDocument=self.policies[key], Description=said, Tags=self.tags(name)
        )
        return str(made["Policy"]["Arn"])

    def role(self, name: str, trust: str, boundary: str, inline: Mapping[str, str], said: str = "") -> str:
        """A role with a boundary and its own policies; returns its ARN."""
        made = self.iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=trust,
            PermissionsBoundary=boundary,
            MaxSessionDuration=_SESSION_S,
            Description=said,
            Tags=self.tags(name),
        )
        for key, document in inline.items():
            self.iam.put_role_policy(RoleName=name, PolicyName=key, PolicyDocument=document)
        return str(made["Role"]["Arn"])

    def _named(self, key: str) -> str:
        return f"{self.name}-{key}"

    def _arn(self, key: str) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:policy/{self._named(key)}"


def _trust(
    principal: Mapping[str, str],
    actions: str | list[str] = "sts:AssumeRole",
    condition: Mapping[str, Any] | None = None,
) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": actions}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

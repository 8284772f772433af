"""What terraform did not make and a destroy would trip over or leave: things that players made, and what costs.

Everything is found by the tag `game` or by being in the environment's VPC. Only log groups are found by the beginnings
of their names, which no other environment uses: a late writer makes a group anew, without a tag.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

Progress = Callable[[str], None]
_DEAD = {"terminated", "shutting-down"}
_PERIOD_S = 5.0


class Clients(Protocol):
    """What a boto3 session offers."""

    def client(self, service_name: str, *, region_name: str) -> Any:
        """Return a client of the service."""


@dataclass
class Sweeper:
    """Sweeps the environment `game` in one region."""

    session: Clients
    region: str
    game: str
    on_progress: Progress = lambda _: None

    def _client(self, service: str) -> Any:
        return self.session.client(service, region_name=self.region)

    @property
    def _ours(self) -> list[dict[str, Any]]:
        return [{"Name": "tag:game", "Values": [self.game]}]

    def vpcs(self) -> list[str]:
        """The environment's VPC; more than one when a build was lost."""
        return [vpc["VpcId"] for vpc in self._client("ec2").describe_vpcs(Filters=self._ours)["Vpcs"]]

    def revoke_foreign_rules(self, known: set[str]) -> list[str]:
        """Revoke each rule of the environment's security groups that is not `known`; return their ids.

        A rule that a responder put back is the same rule under another id: terraform would try to make it again and
        AWS would call it a duplicate.
        """
        ec2 = self._client("ec2")
        groups = [group["GroupId"] for group in ec2.describe_security_groups(Filters=self._ours)["SecurityGroups"]]
        if not groups or not known:
            return []
        found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": groups}])
        foreign = [rule for rule in found["SecurityGroupRules"] if rule["SecurityGroupRuleId"] not in known]
        for rule in foreign:
            direction = "egress" if rule["IsEgress"] else "ingress"
            revoke = getattr(ec2, f"revoke_security_group_{direction}")
            revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
            self.on_progress(f"revoked {rule['SecurityGroupRuleId']}, which was not built")
        return [rule["SecurityGroupRuleId"] for rule in foreign]

    def move_end(self, until: str) -> list[str]:
        """Tag the hosts that end at another time, with their disks and interfaces; return the ids of all of these.

        A group tags what it launches, and not what it launched before its tags changed.
        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
        """
        ec2 = self._client("ec2")
        stale: list[str] = []
        for page in ec2.get_paginator("describe_instances").paginate(Filters=self._ours):
            for host in (host for reservation in page["Reservations"] for host in reservation["Instances"]):
                if host["State"]["Name"] not in _DEAD and {"Key": "expires-at", "Value": until} not in host["Tags"]:
                    disks = [disk["Ebs"]["VolumeId"] for disk in host["BlockDeviceMappings"] if "Ebs" in disk]
                    interfaces = [one["NetworkInterfaceId"] for one in host["NetworkInterfaces"]]
                    stale += [host["InstanceId"], *disks, *interfaces]
        if stale:
            ec2.create_tags(Resources=stale, Tags=[{"Key": "expires-at", "Value": until}])
            self.on_progress(f"moved the end of {len(stale)} hosts, disks and interfaces to {until}")
        return stale

    def clear(self, deadline_s: float = 600) -> None:
        """Delete what keeps a VPC from being deleted and what costs, whoever made it; waits until it is gone.

        Hosts, databases and load balancers first, then volumes and security groups.
        """
        self._let_the_player_in()
        for vpc in self.vpcs():
            self._empty_groups()
            self._terminate(vpc)
            self._delete_databases()
            self._delete_load_balancers(vpc)
            self._wait(lambda vpc=vpc: not [*self._hosts(vpc), *self._databases()], deadline_s)  # type: ignore[misc]
            self._delete_security_groups(vpc)
        ec2 = self._client("ec2")
        for volume in ec2.describe_volumes(Filters=[*self._ours, {"Name": "status", "Values": ["available"]}])[
            "Volumes"
        ]:
            ec2.delete_volume(VolumeId=volume["VolumeId"])
            self.on_progress(f"deleted volume {volume['VolumeId']}")

        logs = self._client("logs")
        for name in self._log_groups():
            logs.delete_log_group(logGroupName=name)
            self.on_progress(f"deleted log group {name}")

    def _log_groups(self) -> list[str]:
        logs = self._client("logs")
        return [
            group["logGroupName"]
            for prefix in (f"/{self.game}/", f"/aws/rds/instance/{self.game}/")
            for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
        ]

    def _let_the_player_in(self) -> None:
        """Detach what the budget's action attached: IAM deletes neither a role nor a policy that is attached.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
        """
        iam, name = self._client("iam"), f"{self.game}-lockout"
        for page in iam.get_paginator("list_policies").paginate(Scope="Local", OnlyAttached=True):
            for policy in page["Policies"]:
                if policy["PolicyName"] != name:
                    continue
                for role in iam.list_entities_for_policy(PolicyArn=policy["Arn"])["PolicyRoles"]:
                    iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=policy["Arn"])
                    self.on_progress(f"detached {name} from {role['RoleName']}: its budget was spent")

    def _empty_groups(self) -> None:
        autoscaling = self._client("autoscaling")
        for group in autoscaling.describe_auto_scaling_groups(Filters=self._ours)["AutoScalingGroups"]:
            autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group["AutoScalingGroupName"], ForceDelete=True)
            self.on_progress(f"deleted auto scaling group {group['AutoScalingGroupName']}")

    def _hosts(self, vpc: str) -> list[str]:
        found = self._client("ec2").describe_instances(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        return [
            host["InstanceId"]
            for reservation in found["Reservations"]
            for host in reservation["Instances"]
            if host["State"]["Name"] not in _DEAD
        ]

    def _terminate(self, vpc: str) -> None:
        if hosts := self._hosts(vpc):
            self._client("ec2").terminate_instances(InstanceIds=hosts)
            self.on_progress(f"terminated {', '.join(hosts)}")

    def _databases(self) -> list[dict[str, Any]]:
        found = self._client("rds").describe_db_instances()["DBInstances"]
        return [each for each in found if {"Key": "game", "Value": self.game} in each.get("TagList", [])]

    def _delete_databases(self) -> None:
        rds = self._client("rds")
        for database in self._databases():
            if database["DBInstanceStatus"] != "deleting":
                name = database["DBInstanceIdentifier"]
                if database.get("DeletionProtection"):
                    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
                rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)
                self.on_progress(f"deleted database {name}")

    def _delete_load_balancers(self, vpc: str) -> None:
        elb = self._client("elbv2")
        for balancer in elb.describe_load_balancers()["LoadBalancers"]:
            if balancer["VpcId"] == vpc:
                elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
                self.on_progress(f"deleted load balancer {balancer['LoadBalancerName']}")

    def _delete_security_groups(self, vpc: str) -> None:
        """Delete all groups of the VPC but its default one; groups name each other, so their rules go first."""
        from botocore.exceptions import ClientError

        ec2 = self._client("ec2")
        found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
        groups = [group for group in found if group["GroupName"] != "default"]
        for group in groups:
            for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
                if group[key]:
                    revoke = getattr(ec2, f"revoke_security_group_{direction}")
                    revoke(GroupId=group["GroupId"], IpPermissions=group[key])
        for group in groups:
            try:
                ec2.delete_security_group(GroupId=group["GroupId"])
            except ClientError as problem:  # a load balancer's interfaces stay for a while; terraform tries again
                self.on_progress(
                    f"security group {group['GroupName']} is still in use ({problem.response['Error']['Code']})"
                )
            else:
                self.on_progress(f"deleted security group {group['GroupName']}")

    def left(self) -> list[str]:
        """ARNs of what still carries the tag, and names of log groups; not what AWS lists for a while after its end."""
        tagged = {arn for arn in self._tagged() if not self._is_over(arn)}
        listed = {arn for arn in tagged if ":log-group:" not in arn}
        return sorted({*listed, *self._groups(), *self._roles(), *self._log_groups()})

    def until_nothing_is_left(self, deadline_s: float = 180) -> list[str]:
        """Wait until :meth:`left` is empty, and return what is left at the deadline."""
        self._wait(lambda: not self.left(), deadline_s)
        return self.left()

    def _tagged(self) -> Iterator[str]:
        pages = self._client("resourcegroupstaggingapi").get_paginator("get_resources")
        for page in pages.paginate(TagFilters=[{"Key": "game", "Values": [self.game]}]):
            yield from (each["ResourceARN"] for each in page["ResourceTagMappingList"])

    # What the tagging API never lists, whatever its tags.
    # https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html

    def _groups(self) -> list[str]:
        found = self._client("autoscaling").describe_auto_scaling_groups(Filters=self._ours)["AutoScalingGroups"]
        return [group["AutoScalingGroupARN"] for group in found]

    def _roles(self) -> Iterator[str]:
        iam, ours = self._client("iam"), {"Key": "game", "Value": self.game}
        for page in iam.get_paginator("list_roles").paginate():
            for role in page["Roles"]:
                name = role["RoleName"]
                if name.startswith(f"{self.game}-") and ours in iam.list_role_tags(RoleName=name)["Tags"]:
                    yield role["Arn"]

    def _is_over(self, arn: str) -> bool:
        _, _, service, _, _, kind = arn.split(":", 5)
        if service == "ec2" and kind.startswith("instance/"):
            found = self._client("ec2").describe_instances(
                Filters=[{"Name": "instance-id", "Values": [kind.partition("/")[2]]}]
            )
            return all(host["State"]["Name"] in _DEAD for each in found["Reservations"] for host in each["Instances"])
        # A task definition becomes INACTIVE, a cluster too; neither costs, and AWS keeps them for a while.
        return service == "ecs" and kind.startswith(("task-definition/", "cluster/", "task/", "container-instance/"))

    def _wait(self, done: Callable[[], bool], deadline_s: float) -> None:
        end = time.monotonic() + deadline_s
        while not done() and time.monotonic() < end:
            time.sleep(min(_PERIOD_S, max(0.0, end - time.monotonic())))

"""What AWS says of the environment now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from chaosgood_ext.environment.built import Fact, container_facts, health_check_fact, instances_fact, rule_fact

ClientFactory = Callable[[str], Any]
"""Returns a boto3 client of the service of that name."""


def found(client: ClientFactory, resources: Mapping[str, str], wanted: Mapping[str, Any]) -> Iterator[Fact]:
    """What AWS says now of the environment with these `resources`; raises botocore's errors."""
    look = _Look(client, resources["vpc_id"])
    yield from look.security_groups()
    yield from look.subnets()
    yield from look.auto_scaling_groups()
    yield from look.instances()
    yield from look.load_balancers()
    yield from look.service(resources["ecs_cluster_name"])
    yield from look.databases()
    yield from look.private_zone(wanted["private_zone"]["name"])


class _Look:
    """Asks AWS about one VPC, and translates ids into names."""

    def __init__(self, client: ClientFactory, vpc_id: str) -> None:
        self._client = client
        self._ec2 = client("ec2")
        self._vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
        self._groups = {one["GroupId"]: one for one in self._all("describe_security_groups", "SecurityGroups")}
        self._subnets = {one["SubnetId"]: _name(one) for one in self._all("describe_subnets", "Subnets")}
        elbv2 = client("elbv2")
        pages = elbv2.get_paginator("describe_target_groups").paginate()
        self._target_groups = {one["TargetGroupArn"]: one for page in pages for one in page["TargetGroups"]}

    def _all(self, operation: str, key: str) -> list[Mapping[str, Any]]:
        pages = self._ec2.get_paginator(operation).paginate(Filters=self._vpc)
        return [one for page in pages for one in page[key]]

    def _group(self, group_id: str) -> str:
        return str(self._groups[group_id]["GroupName"]) if group_id in self._groups else group_id

    def _wears(self, ids: Iterable[str]) -> list[str]:
        return [f"wears the security group {self._group(one)}" for one in ids]

    def security_groups(self) -> Iterator[Fact]:
        for group in self._groups.values():
            if group["GroupName"] != "default":
                yield f"security group {group['GroupName']}", "exists"
        pages = self._ec2.get_paginator("describe_security_group_rules")
        wanted = [{"Name": "group-id", "Values": list(self._groups)}]
        for page in pages.paginate(Filters=wanted):
            for rule in page["SecurityGroupRules"]:
                name = self._group(rule["GroupId"])
                if name == "default":
                    continue
                source = next(
                    (rule[key] for key in ("CidrIpv4", "CidrIpv6", "PrefixListId") if rule.get(key)), None
                ) or self._group(rule.get("ReferencedGroupInfo", {}).get("GroupId", "?"))
                open_ports = rule["IpProtocol"] == "-1" or rule.get("FromPort") is None
                ports = None if open_ports else (rule["FromPort"], rule["ToPort"])
                direction = "egress" if rule["IsEgress"] else "ingress"
                said = rule_fact(direction, rule["IpProtocol"], ports, source, rule.get("Description") or "")
                yield f"security group {name}", said

    def subnets(self) -> Iterator[Fact]:
        tables = self._all("describe_route_tables", "RouteTables")
        main = next((one for one in tables if any(a.get("Main") for a in one["Associations"])), None)
        own = {a["SubnetId"]: one for one in tables for a in one["Associations"] if a.get("SubnetId")}
        acls = self._all("describe_network_acls", "NetworkAcls")
        acl_of = {a["SubnetId"]: one for one in acls for a in one["Associations"]}
        for subnet_id, name in self._subnets.items():
            table = own.get(subnet_id, main)
            for route in table["Routes"] if table else ():
                yield f"subnet {name}", _route(route)
            for entry in acl_of[subnet_id]["Entries"] if subnet_id in acl_of else ():
                if entry["RuleNumber"] != 32767:  # the last one, which every network ACL has
                    yield f"subnet {name}", f"network ACL: {_entry(entry)}"

    def auto_scaling_groups(self) -> Iterator[Fact]:
        pages = self._client("autoscaling").get_paginator("describe_auto_scaling_groups").paginate()
        for group in (one for page in pages for one in page["AutoScalingGroups"]):
            if not set(group["VPCZoneIdentifier"].split(",")) & set(self._subnets):
                continue
            thing = f"auto scaling group {group['AutoScalingGroupName']}"
            yield thing, f"size {group['MinSize']} to {group['MaxSize']}, desired {group['DesiredCapacity']}"
            yield thing, f"health check {group['HealthCheckType']}"
            for process in group.get("SuspendedProcesses", ()):
                yield thing, f"{process['ProcessName']} is suspended"
            for arn in group.get("TargetGroupARNs", ()):
                yield thing, f"feeds the target group {self._target_group(arn)}"

    def instances(self) -> Iterator[Fact]:
        counts: dict[tuple[str, str, str], int] = defaultdict(int)
        for reservation in self._all("describe_instances", "Reservations"):
            for one in reservation["Instances"]:
                name, state = _name(one), one["State"]["Name"]
                if state in ("terminated", "shutting-down"):
                    continue
                counts[name, one["InstanceType"], "running" if state == "pending" else state] += 1
                for fact in self._wears(group["GroupId"] for group in one["SecurityGroups"]):
                    yield f"instances {name}", fact
        for (name, kind, state), count in counts.items():
            yield f"instances {name}", instances_fact(count, kind, state)

    def load_balancers(self) -> Iterator[Fact]:
        elbv2 = self._client("elbv2")
        pages = elbv2.get_paginator("describe_load_balancers").paginate()
        for one in (balancer for page in pages for balancer in page["LoadBalancers"]):
            thing = f"load balancer {one['LoadBalancerName']}"
            yield thing, f"is {one['Scheme']}"
            yield from ((thing, fact) for fact in self._wears(one["SecurityGroups"]))
            for zone in one["AvailabilityZones"]:
                yield thing, f"is in {self._subnets.get(zone['SubnetId'], zone['SubnetId'])}"
            for listener in elbv2.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])["Listeners"]:
                for action in listener["DefaultActions"]:
                    goes = self._target_group(action.get("TargetGroupArn", "")) or action["Type"]
                    yield thing, f"{listener['Protocol']} {listener['Port']} goes to {goes}"
        for arn, one in self._target_groups.items():
            thing = f"target group {one['TargetGroupName']}"
            yield thing, health_check_fact(one["HealthCheckPath"], one["Matcher"]["HttpCode"],
                one["HealthCheckIntervalSeconds"], one["HealthCheckTimeoutSeconds"], one["HealthyThresholdCount"],
                one["UnhealthyThresholdCount"])  # fmt: skip
            targets = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            staying = [target for target in targets if target["TargetHealth"]["State"] != "draining"]
            yield thing, f"has {len(staying)} targets"

    def _target_group(self, arn: str) -> str:
        return str(self._target_groups[arn]["TargetGroupName"]) if arn in self._target_groups else arn

    def service(self, cluster: str) -> Iterator[Fact]:
        ecs = self._client("ecs")
        arns = ecs.list_services(cluster=cluster)["serviceArns"]
        for one in ecs.describe_services(cluster=cluster, services=arns)["services"] if arns else ():
            thing = f"ECS service {one['serviceName']}"
            if one["status"] != "ACTIVE":
                continue
            yield thing, f"desired count {one['desiredCount']}"
            task = ecs.describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"]
            for container in task["containerDefinitions"]:
                environment = {pair["name"]: pair["value"] for pair in container.get("environment", ())}
                yield from ((thing, fact) for fact in container_facts(container, environment))

    def databases(self) -> Iterator[Fact]:
        pages = self._client("rds").get_paginator("describe_db_instances").paginate()
        for one in (database for page in pages for database in page["DBInstances"]):
            if not {subnet["SubnetIdentifier"] for subnet in one["DBSubnetGroup"]["Subnets"]} & set(self._subnets):
                continue
            thing = f"DB instance {one['DBInstanceIdentifier']}"
            yield thing, f"is {one['DBInstanceClass']}, {one['Engine']} {one['EngineVersion']}"
            yield thing, f"is {one['DBInstanceStatus']}"
            yield thing, "is " + ("public" if one["PubliclyAccessible"] else "not public")
            worn = (group["VpcSecurityGroupId"] for group in one["VpcSecurityGroups"])
            yield from ((thing, fact) for fact in self._wears(worn))

    def private_zone(self, name: str) -> Iterator[Fact]:
        route53 = self._client("route53")
        zones = route53.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
        for zone in (one for one in zones if one["Name"].rstrip(".") == name):
            pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone["Id"])
            for record in (one for page in pages for one in page["ResourceRecordSets"]):
                if record["Type"] not in ("NS", "SOA"):
                    yield f"private zone {name}", f"has {record['Name'].rstrip('.')}"


def _name(resource: Mapping[str, Any]) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in resource.get("Tags", ())}
    return str(tags.get("Name") or resource.get("InstanceId") or resource.get("SubnetId"))


def _route(route: Mapping[str, Any]) -> str:
    target = next((str(route[key]) for key in route if key.endswith("Id") and route[key]), "nowhere")
    where = "an internet gateway" if target.startswith("igw-") else target
    said = f"routes {route.get('DestinationCidrBlock') or route.get('DestinationIpv6CidrBlock')} to {where}"
    return said if route.get("State") != "blackhole" else f"{said} (blackhole)"


def _entry(entry: Mapping[str, Any]) -> str:
    direction = "egress" if entry["Egress"] else "ingress"
    protocol = "all" if entry["Protocol"] == "-1" else f"protocol {entry['Protocol']}"
    ports = entry.get("PortRange")
    reach = f" {ports['From']}-{ports['To']}" if ports else ""
    source = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock")
    return f"{direction} {entry['RuleNumber']} {entry['RuleAction']} {protocol}{reach} {source}"

"""Twin and aws are one environment: what the twin's builder makes and what terraform makes, fact by fact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from moto import mock_aws

from chaosgood_ext.twin import builder
from chaosgood_ext.twin.cloud import budgets
from chaosgood_ext.twin.cloud.client import Clients
from chaosgood_ext.twin.cloud.tap import Tap

from .conftest import ROOT, State

STACK = ROOT / "chaosgood_ext/stack"
TOPOLOGY = json.loads((STACK / "topology.json").read_text())
PARAMETERS = json.loads((STACK / "database/parameter-group.json").read_text())["parameters"]

Facts = dict[str, Any]

DIFFERENT = {
    "task environment": (
        "on AWS a container has a port of its own; on the twin it is told the host's, when it starts, "
        "and the password comes from a secret on AWS only"
    ),
}
"""Facts that differ, each with the reason; whether they still do is tested as well."""


# -- what terraform makes


class Planned:
    """Facts of terraform's state. Ids are turned into names, because both sides make their own."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._groups = {group["id"]: group["tags"]["tier"] for group in state.all("aws_security_group").values()}
        self._subnets = {subnet["id"]: subnet["tags"]["Name"] for subnet in state.all("aws_subnet").values()}
        self._targets = {group["arn"]: group["name"] for group in state.all("aws_lb_target_group").values()}

    def facts(self) -> Facts:
        facts: Facts = {}
        for part in (
            self._network,
            self._balancers,
            self._hosts,
            self._tasks,
            self._database,
            self._names,
            self._roles,
            self._guardrails,
        ):
            facts.update(part())
        return facts

    def _network(self) -> Iterator[tuple[str, Any]]:
        vpc = self._state.one("aws_vpc")
        yield "vpc", (vpc["cidr_block"], vpc["enable_dns_support"], vpc["enable_dns_hostnames"])
        route = self._state.one("aws_route")
        gateway = self._state.one("aws_internet_gateway")["id"]
        yield "default route", (route["destination_cidr_block"], route["gateway_id"] == gateway)
        for subnet in self._state.all("aws_subnet").values():
            where = (subnet["cidr_block"], subnet["availability_zone"], subnet["map_public_ip_on_launch"])
            yield f"subnet {subnet['tags']['Name']}", where
        for group in self._state.all("aws_security_group").values():
            yield f"security group {group['name']}", group["description"]
        for direction in ("ingress", "egress"):
            for tier in self._groups.values():
                yield f"{direction} {tier}", sorted(self._rules(direction, tier))

    def _rules(self, direction: str, tier: str) -> Iterator[str]:
        for rule in self._state.all(f"aws_vpc_security_group_{direction}_rule").values():
            if self._groups[rule["security_group_id"]] == tier:
                any_port = rule["ip_protocol"] == "-1"
                ports = "" if any_port else f"{rule['from_port']}-{rule['to_port']}"
                cidr = rule["cidr_ipv4"]
                peer = cidr if "/" in (cidr or "") else self._groups[rule["referenced_security_group_id"]]
                yield f"{rule['ip_protocol']} {ports} {peer}: {rule['description']}"

    def _balancers(self) -> Iterator[tuple[str, Any]]:
        for balancer in self._state.all("aws_lb").values():
            yield (
                f"load balancer {balancer['name']}",
                {
                    "internal": balancer["internal"],
                    "type": balancer["load_balancer_type"],
                    "subnets": self._named(self._subnets, balancer["subnets"]),
                    "groups": self._named(self._groups, balancer["security_groups"]),
                    "idle timeout": balancer["idle_timeout"],
                },
            )
            for listener in self._state.all("aws_lb_listener").values():
                if listener["load_balancer_arn"] == balancer["arn"]:
                    target = self._targets[listener["default_action"][0]["target_group_arn"]]
                    yield f"listener {balancer['name']}", (listener["port"], listener["protocol"], target)
        for group in self._state.all("aws_lb_target_group").values():
            (check,) = group["health_check"]
            keys = (
                "path",
                "matcher",
                "interval",
                "timeout",
                "healthy_threshold",
                "unhealthy_threshold",
                "protocol",
                "port",
            )
            yield f"health check {group['name']}", {key: check[key] for key in keys}
            delay = int(group["deregistration_delay"])
            yield f"target group {group['name']}", (group["port"], group["protocol"], group["target_type"], delay)

    def _hosts(self) -> Iterator[tuple[str, Any]]:
        templates = {template["id"]: template for template in self._state.all("aws_launch_template").values()}
        for group in self._state.all("aws_autoscaling_group").values():
            template = templates[group["launch_template"][0]["id"]]
            name = group["name"]
            yield f"sizes {name}", (group["min_size"], group["desired_capacity"], group["max_size"])
            yield f"health {name}", (group["health_check_type"], group["health_check_grace_period"])
            yield f"subnets {name}", self._named(self._subnets, group["vpc_zone_identifier"])
            yield f"targets {name}", self._named(self._targets, group["target_group_arns"] or [])
            yield f"instance type {name}", template["instance_type"]
            yield f"groups {name}", self._named(self._groups, template["vpc_security_group_ids"])
            options = template["metadata_options"][0]
            yield f"metadata {name}", (options["http_tokens"], options["http_put_response_hop_limit"])
            tags = {tag["key"]: tag["value"] for tag in group["tag"]}
            yield f"tags {name}", self._common(tags)
        for host in self._state.all("aws_instance").values():
            name = host["tags"]["Name"]
            yield f"instance type {name}", host["instance_type"]
            yield f"groups {name}", self._named(self._groups, host["vpc_security_group_ids"])
            yield f"subnets {name}", [self._subnets[host["subnet_id"]]]
            (options,) = host["metadata_options"]
            yield f"metadata {name}", (options["http_tokens"], options["http_put_response_hop_limit"])

    def _tasks(self) -> Iterator[tuple[str, Any]]:
        service, task = self._state.one("aws_ecs_service"), self._state.one("aws_ecs_task_definition")
        (container,) = json.loads(task["container_definitions"])
        (balancer,) = service["load_balancer"]
        yield "cluster", self._state.one("aws_ecs_cluster")["name"]
        yield "service", (service["name"], service["desired_count"], service["launch_type"])
        yield (
            "service target",
            (self._targets[balancer["target_group_arn"]], balancer["container_name"], balancer["container_port"]),
        )
        yield "service grace period s", service["health_check_grace_period_seconds"]
        (placement,) = service["ordered_placement_strategy"]
        yield "service placement", (placement["type"], placement["field"])
        yield "task", (task["family"], task["network_mode"], int(task["cpu"]), int(task["memory"]))
        yield from container_facts(container)
        discovery = self._state.one("aws_service_discovery_service")
        (dns,) = discovery["dns_config"]
        (record,) = dns["dns_records"]
        yield "service discovery", (discovery["name"], dns["routing_policy"], record["type"], record["ttl"])
        yield "service discovery namespace", self._state.one("aws_service_discovery_private_dns_namespace")["name"]

    def _database(self) -> Iterator[tuple[str, Any]]:
        database = self._state.one("aws_db_instance")
        yield "database", (database["identifier"], database["engine"], database["instance_class"], database["port"])
        yield "database major version", database["engine_version"]
        yield "database storage GiB", database["allocated_storage"]
        yield "database names", (database["db_name"], database["username"])
        yield (
            "database public, encrypted, in both zones, protected",
            (
                database["publicly_accessible"],
                database["storage_encrypted"],
                database["multi_az"],
                database["deletion_protection"],
            ),
        )
        yield "database groups", self._named(self._groups, database["vpc_security_group_ids"])
        yield "database zone", database["availability_zone"]
        yield "database logs", sorted(database["enabled_cloudwatch_logs_exports"])
        yield "database subnets", self._named(self._subnets, self._state.one("aws_db_subnet_group")["subnet_ids"])
        group = self._state.one("aws_db_parameter_group")
        yield "database parameter group", (group["name"], group["family"])
        yield "database parameters", sorted((p["name"], p["value"], p["apply_method"]) for p in group["parameter"])

    def _names(self) -> Iterator[tuple[str, Any]]:
        groups = self._state.all("aws_cloudwatch_log_group").values()
        yield "log groups and days", {group["name"]: group["retention_in_days"] for group in groups}
        yield "zone", self._state.one("aws_route53_zone")["name"]
        balancers = {each["dns_name"]: each["name"] for each in self._state.all("aws_lb").values()}
        addresses = {each["private_ip"]: each["tags"]["Name"] for each in self._state.all("aws_instance").values()}
        endpoint = self._state.one("aws_db_instance")["address"]
        for record in self._state.all("aws_route53_record").values():
            alias = (record["alias"] or [{}])[0].get("name")
            value = alias or record["records"][0]
            target = balancers.get(value) or addresses.get(value) or ("database" if value == endpoint else value)
            yield f"name {record['name']}", (record["type"], target, None if alias else record["ttl"])

    def _roles(self) -> Iterator[tuple[str, Any]]:
        roles = {role["name"]: role for role in self._state.all("aws_iam_role").values()}
        for key, name in TOPOLOGY["roles"].items():
            yield f"role {key} session s", roles[name]["max_session_duration"]
        policies = {policy["arn"]: policy["name"] for policy in self._state.all("aws_iam_policy").values()}
        for name, role in roles.items():
            yield f"boundary of {name}", policies[role["permissions_boundary"]]

    def _guardrails(self) -> Iterator[tuple[str, Any]]:
        flow, trail = self._state.one("aws_flow_log"), self._state.one("aws_cloudtrail")
        yield "flow log", (flow["traffic_type"], flow["max_aggregation_interval"])
        kept = (trail["is_multi_region_trail"], trail["enable_log_file_validation"])
        yield "trail", (trail["name"], *kept, trail["include_global_service_events"])
        budget, alarm = self._state.one("aws_budgets_budget"), self._state.one("aws_cloudwatch_metric_alarm")
        (told,) = budget["notification"]
        limit = (float(budget["limit_amount"]), budget["limit_unit"])
        when = (told["notification_type"], told["comparison_operator"], told["threshold"], told["threshold_type"])
        yield "budget", (budget["name"], budget["budget_type"], budget["time_unit"], *limit, *when)
        action = self._state.one("aws_budgets_budget_action")
        known = [*self._state.all("aws_iam_role").values(), *self._state.all("aws_iam_policy").values()]
        names = {each["arn"]: each["name"] for each in known}
        (limit,), (definition,) = action["action_threshold"], action["definition"]
        (applied,), (told,) = definition["iam_action_definition"], action["subscriber"]
        yield (
            "budget action",
            {
                "budget": action["budget_name"],
                "does": (action["action_type"], action["approval_model"], action["notification_type"]),
                "threshold": (limit["action_threshold_type"], limit["action_threshold_value"]),
                "role": names[action["execution_role_arn"]],
                "policy": names[applied["policy_arn"]],
                "locked out": applied["roles"],
                "told": (told["subscription_type"], told["address"]),
            },
        )
        metric = (alarm["namespace"], alarm["metric_name"], alarm["dimensions"], alarm["statistic"])
        rule = (
            alarm["comparison_operator"],
            alarm["threshold"],
            alarm["evaluation_periods"],
            alarm["treat_missing_data"],
        )
        yield "billing alarm", (alarm["alarm_name"], *metric, alarm["period"], *rule)
        schedules = self._state.all("aws_scheduler_schedule").values()
        end = max(schedule["schedule_expression"] for schedule in schedules)
        for schedule in schedules:
            (target,), (window,) = schedule["target"], schedule["flexible_time_window"]
            (retry,) = target["retry_policy"]
            patience = (retry["maximum_event_age_in_seconds"], retry["maximum_retry_attempts"])
            said = (schedule["schedule_expression_timezone"], schedule["action_after_completion"], window["mode"])
            before = _time(end) - _time(schedule["schedule_expression"])
            yield (
                f"at the end {schedule['name']}",
                (target["arn"], sorted(json.loads(target["input"])), before, *patience, *said),
            )

    @staticmethod
    def _named(names: dict[str, str], ids: list[str]) -> list[str]:
        return sorted(names[each] for each in ids)

    @staticmethod
    def _common(tags: dict[str, str]) -> dict[str, str]:
        return {key: value for key, value in tags.items() if key != "expires-at"}


def container_facts(container: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Facts of a container definition, which has the same form on both sides."""
    yield "container", (container["name"], container["image"], container["command"])
    yield "container size", (container["cpu"], container["memory"])
    yield "task environment", {each["name"]: each["value"] for each in container["environment"]}
    yield "container ports", container["portMappings"]
    yield "container log", container["logConfiguration"]


# -- what the twin makes


class Built:
    """Facts of what the twin's builder made, read through the API."""

    def __init__(self, client: Callable[[str], Any], asked: dict[str, Any]) -> None:
        self._client = client
        self._asked = asked
        ec2 = client("ec2")
        self._groups = {
            group["GroupId"]: group["GroupName"].removeprefix("chaosgood-")
            for group in ec2.describe_security_groups()["SecurityGroups"]
            if group["GroupName"].startswith("chaosgood-")
        }
        self._all_subnets = {
            subnet["SubnetId"]: (_tags(subnet)["Name"], subnet)
            for subnet in ec2.describe_subnets()["Subnets"]
            if "Name" in _tags(subnet)
        }
        self._subnets = {key: name for key, (name, _) in self._all_subnets.items()}
        groups = client("elbv2").describe_target_groups()["TargetGroups"]
        self._targets = {group["TargetGroupArn"]: group["TargetGroupName"] for group in groups}

    def facts(self) -> Facts:
        facts: Facts = {}
        for part in (
            self._network,
            self._balancers,
            self._hosts,
            self._tasks,
            self._database,
            self._names,
            self._roles,
            self._guardrails,
        ):
            facts.update(part())
        return facts

    def _network(self) -> Iterator[tuple[str, Any]]:
        ec2 = self._client("ec2")
        vpc = next(vpc for vpc in ec2.describe_vpcs()["Vpcs"] if _tags(vpc).get("Name") == "chaosgood")
        support, names = (
            ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
            for attribute in ("enableDnsSupport", "enableDnsHostnames")
        )
        yield "vpc", (vpc["CidrBlock"], support["EnableDnsSupport"]["Value"], names["EnableDnsHostnames"]["Value"])
        tables = ec2.describe_route_tables(Filters=[{"Name": "tag:Name", "Values": ["chaosgood"]}])["RouteTables"]
        (route,) = (
            route for table in tables for route in table["Routes"] if route["DestinationCidrBlock"] == "0.0.0.0/0"
        )
        yield "default route", (route["DestinationCidrBlock"], route["GatewayId"].startswith("igw-"))
        for name, subnet in self._all_subnets.values():
            yield f"subnet {name}", (subnet["CidrBlock"], subnet["AvailabilityZone"], subnet["MapPublicIpOnLaunch"])
        for group in ec2.describe_security_groups(GroupIds=list(self._groups))["SecurityGroups"]:
            tier = self._groups[group["GroupId"]]
            yield f"security group {group['GroupName']}", group["Description"]
            yield f"ingress {tier}", sorted(self._rules(group["IpPermissions"]))
            yield f"egress {tier}", sorted(self._rules(group["IpPermissionsEgress"]))

    def _rules(self, permissions: list[dict[str, Any]]) -> Iterator[str]:
        for permission in permissions:
            protocol = permission["IpProtocol"]
            ports = "" if protocol == "-1" else f"{permission['FromPort']}-{permission['ToPort']}"
            for block in permission["IpRanges"]:
                yield f"{protocol} {ports} {block['CidrIp']}: {block['Description']}"
            for pair in permission["UserIdGroupPairs"]:
                yield f"{protocol} {ports} {self._groups[pair['GroupId']]}: {pair['Description']}"

    def _balancers(self) -> Iterator[tuple[str, Any]]:
        elb = self._client("elbv2")
        for balancer in elb.describe_load_balancers()["LoadBalancers"]:
            arn, name = balancer["LoadBalancerArn"], balancer["LoadBalancerName"]
            attributes = _pairs(elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"])
            yield (
                f"load balancer {name}",
                {
                    "internal": balancer["Scheme"] == "internal",
                    "type": balancer["Type"],
                    "subnets": sorted(self._subnets[zone["SubnetId"]] for zone in balancer["AvailabilityZones"]),
                    "groups": sorted(self._groups[group] for group in balancer["SecurityGroups"]),
                    "idle timeout": int(attributes["idle_timeout.timeout_seconds"]),
                },
            )
            (listener,) = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
            (action,) = listener["DefaultActions"]
            yield f"listener {name}", (listener["Port"], listener["Protocol"], self._targets[action["TargetGroupArn"]])
        for group in elb.describe_target_groups()["TargetGroups"]:
            name = group["TargetGroupName"]
            yield (
                f"health check {name}",
                {
                    "path": group["HealthCheckPath"],
                    "matcher": group["Matcher"]["HttpCode"],
                    "interval": group["HealthCheckIntervalSeconds"],
                    "timeout": group["HealthCheckTimeoutSeconds"],
                    "healthy_threshold": group["HealthyThresholdCount"],
                    "unhealthy_threshold": group["UnhealthyThresholdCount"],
                    "protocol": group["HealthCheckProtocol"],
                    "port": group["HealthCheckPort"],
                },
            )
            attributes = _pairs(
                elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])["Attributes"]
            )
            delay = int(attributes["deregistration_delay.timeout_seconds"])
            yield f"target group {name}", (group["Port"], group["Protocol"], group["TargetType"], delay)

    def _hosts(self) -> Iterator[tuple[str, Any]]:
        ec2, autoscaling = self._client("ec2"), self._client("autoscaling")
        for group in autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
            name = group["AutoScalingGroupName"]
            versions = ec2.describe_launch_template_versions(
                LaunchTemplateId=group["LaunchTemplate"]["LaunchTemplateId"]
            )
            template = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
            yield f"sizes {name}", (group["MinSize"], group["DesiredCapacity"], group["MaxSize"])
            yield f"health {name}", (group["HealthCheckType"], group["HealthCheckGracePeriod"])
            yield f"subnets {name}", sorted(self._subnets[each] for each in group["VPCZoneIdentifier"].split(","))
            yield f"targets {name}", sorted(self._targets[arn] for arn in group["TargetGroupARNs"])
            yield f"instance type {name}", template["InstanceType"]
            yield f"groups {name}", sorted(self._groups[each] for each in template["SecurityGroupIds"])
            options = template["MetadataOptions"]
            yield f"metadata {name}", (options["HttpTokens"], options["HttpPutResponseHopLimit"])
            yield f"tags {name}", Planned._common({tag["Key"]: tag["Value"] for tag in group["Tags"]})
        alone = {f"chaosgood-{tier}" for tier in TOPOLOGY["instances"]}
        for reservation in ec2.describe_instances()["Reservations"]:
            for host in reservation["Instances"]:
                name = _tags(host).get("Name", "")
                if name in alone:
                    yield f"instance type {name}", host["InstanceType"]
                    yield f"groups {name}", sorted(self._groups[each["GroupId"]] for each in host["SecurityGroups"])
                    yield f"subnets {name}", [self._subnets[host["SubnetId"]]]
                    options = host["MetadataOptions"]
                    yield f"metadata {name}", (options["HttpTokens"], options["HttpPutResponseHopLimit"])

    def _tasks(self) -> Iterator[tuple[str, Any]]:
        ecs, discovery = self._client("ecs"), self._client("servicediscovery")
        (cluster,) = (arn.rpartition("/")[2] for arn in ecs.list_clusters()["clusterArns"])
        yield "cluster", cluster
        (arn,) = ecs.list_services(cluster=cluster)["serviceArns"]
        (service,) = ecs.describe_services(cluster=cluster, services=[arn])["services"]
        (balancer,) = service["loadBalancers"]
        yield "service", (service["serviceName"], service["desiredCount"], service["launchType"])
        yield (
            "service target",
            (self._targets[balancer["targetGroupArn"]], balancer["containerName"], balancer["containerPort"]),
        )
        # moto forgets these two, so as the builder asked for them.
        yield "service grace period s", self._asked["healthCheckGracePeriodSeconds"]
        (placement,) = self._asked["placementStrategy"]
        yield "service placement", (placement["type"], placement["field"])
        task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        yield "task", (task["family"], task["networkMode"], int(task["cpu"]), int(task["memory"]))
        (container,) = task["containerDefinitions"]
        yield from container_facts(container)
        (found,) = discovery.list_services()["Services"]
        known = discovery.get_service(Id=found["Id"])["Service"]
        (record,) = known["DnsConfig"]["DnsRecords"]
        routing = known["DnsConfig"]["RoutingPolicy"]
        yield "service discovery", (known["Name"], routing, record["Type"], record["TTL"])
        (namespace,) = discovery.list_namespaces()["Namespaces"]
        yield "service discovery namespace", namespace["Name"]

    def _database(self) -> Iterator[tuple[str, Any]]:
        rds = self._client("rds")
        (database,) = rds.describe_db_instances()["DBInstances"]
        kind = (
            database["DBInstanceIdentifier"],
            database["Engine"],
            database["DBInstanceClass"],
            database["Endpoint"]["Port"],
        )
        yield "database", kind
        yield "database major version", database["EngineVersion"].split(".")[0]
        yield "database storage GiB", database["AllocatedStorage"]
        yield "database names", (database["DBName"], database["MasterUsername"])
        yield (
            "database public, encrypted, in both zones, protected",
            (
                database["PubliclyAccessible"],
                database["StorageEncrypted"],
                database["MultiAZ"],
                database["DeletionProtection"],
            ),
        )
        groups = sorted(self._groups[each["VpcSecurityGroupId"]] for each in database["VpcSecurityGroups"])
        yield "database groups", groups
        yield "database zone", database["AvailabilityZone"]
        yield "database logs", sorted(database["EnabledCloudwatchLogsExports"])
        subnets = database["DBSubnetGroup"]["Subnets"]
        yield "database subnets", sorted(self._subnets[each["SubnetIdentifier"]] for each in subnets)
        name = database["DBParameterGroups"][0]["DBParameterGroupName"]
        (group,) = rds.describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"]
        yield "database parameter group", (name, group["DBParameterGroupFamily"])
        parameters = rds.describe_db_parameters(DBParameterGroupName=name)["Parameters"]
        yield (
            "database parameters",
            sorted((p["ParameterName"], p["ParameterValue"], p["ApplyMethod"]) for p in parameters),
        )

    def _names(self) -> Iterator[tuple[str, Any]]:
        groups = self._client("logs").describe_log_groups()["logGroups"]
        yield "log groups and days", {group["logGroupName"]: group["retentionInDays"] for group in groups}
        route53, wanted = self._client("route53"), TOPOLOGY["private_zone"]["name"]
        zones = route53.list_hosted_zones()["HostedZones"]
        (zone,) = (zone for zone in zones if zone["Name"] == f"{wanted}.")
        yield "zone", zone["Name"].rstrip(".")
        balancers = {
            each["DNSName"]: each["LoadBalancerName"]
            for each in self._client("elbv2").describe_load_balancers()["LoadBalancers"]
        }
        hosts = {
            host["PrivateIpAddress"]: _tags(host)["Name"]
            for reservation in self._client("ec2").describe_instances()["Reservations"]
            for host in reservation["Instances"]
        }
        endpoint = self._client("rds").describe_db_instances()["DBInstances"][0]["Endpoint"]["Address"]
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            if record["Type"] in ("A", "CNAME"):
                alias = record.get("AliasTarget", {}).get("DNSName")
                value = alias or record["ResourceRecords"][0]["Value"]
                target = balancers.get(value) or hosts.get(value) or ("database" if value == endpoint else value)
                yield f"name {record['Name'].rstrip('.')}", (record["Type"], target, record.get("TTL"))

    def _roles(self) -> Iterator[tuple[str, Any]]:
        for key, name in TOPOLOGY["roles"].items():
            yield f"role {key} session s", self._client("iam").get_role(RoleName=name)["Role"]["MaxSessionDuration"]
        iam = self._client("iam")
        for listed in iam.list_roles()["Roles"]:
            if listed["Path"] == "/":  # the facilitator's role is of IAM Identity Center
                role = iam.get_role(RoleName=listed["RoleName"])["Role"]
                boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"].split("/")[1]
                yield f"boundary of {role['RoleName']}", boundary

    def _guardrails(self) -> Iterator[tuple[str, Any]]:
        (flow,) = self._client("ec2").describe_flow_logs()["FlowLogs"]
        yield "flow log", (flow["TrafficType"], flow["MaxAggregationInterval"])
        (trail,) = self._client("cloudtrail").describe_trails()["trailList"]
        kept = (trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"])
        yield "trail", (trail["Name"], *kept, trail["IncludeGlobalServiceEvents"])
        client, account = self._client("budgets"), {"AccountId": "123456789012"}
        (budget,) = client.describe_budgets(**account)["Budgets"]
        name = budget["BudgetName"]
        (told,) = client.describe_notifications_for_budget(**account, BudgetName=name)["Notifications"]
        limit = (float(budget["BudgetLimit"]["Amount"]), budget["BudgetLimit"]["Unit"])
        when = (told["NotificationType"], told["ComparisonOperator"], told["Threshold"], told["ThresholdType"])
        yield "budget", (name, budget["BudgetType"], budget["TimeUnit"], *limit, *when)
        (action,) = client.describe_budget_actions_for_account(**account)["Actions"]
        limit, applied = action["ActionThreshold"], action["Definition"]["IamActionDefinition"]
        (told,) = action["Subscribers"]
        yield (
            "budget action",
            {
                "budget": action["BudgetName"],
                "does": (action["ActionType"], action["ApprovalModel"], action["NotificationType"]),
                "threshold": (limit["ActionThresholdType"], limit["ActionThresholdValue"]),
                "role": action["ExecutionRoleArn"].split("/")[1],
                "policy": applied["PolicyArn"].split("/")[1],
                "locked out": applied["Roles"],
                "told": (told["SubscriptionType"], told["Address"]),
            },
        )
        (alarm,) = self._client("cloudwatch").describe_alarms()["MetricAlarms"]
        metric = (alarm["Namespace"], alarm["MetricName"], _named_pairs(alarm["Dimensions"]), alarm["Statistic"])
        rule = (alarm["ComparisonOperator"], alarm["Threshold"], alarm["EvaluationPeriods"], alarm["TreatMissingData"])
        yield "billing alarm", (alarm["AlarmName"], *metric, alarm["Period"], *rule)
        scheduler = self._client("scheduler")
        schedules = [
            scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
            for listed in scheduler.list_schedules()["Schedules"]
        ]
        end = max(schedule["ScheduleExpression"] for schedule in schedules)
        for schedule in schedules:
            target, window = schedule["Target"], schedule["FlexibleTimeWindow"]
            retry = target["RetryPolicy"]
            patience = (retry["MaximumEventAgeInSeconds"], retry["MaximumRetryAttempts"])
            said = (schedule["ScheduleExpressionTimezone"], schedule["ActionAfterCompletion"], window["Mode"])
            before = _time(end) - _time(schedule["ScheduleExpression"])
            yield (
                f"at the end {schedule['Name']}",
                (target["Arn"], sorted(json.loads(target["Input"])), before, *patience, *said),
            )


def _time(expression: str) -> datetime:
    return datetime.fromisoformat(expression.removeprefix("at(").removesuffix(")"))


def _tags(resource: dict[str, Any]) -> dict[str, str]:
    return _pairs(resource.get("Tags", []))


def _named_pairs(listed: list[dict[str, str]]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in listed}


def _pairs(listed: list[dict[str, str]]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in listed}


def differences(built: Facts, planned: Facts) -> Facts:
    """Every fact that both sides tell and that is not the same, with both values."""
    return {
        name: {"twin": built[name], "aws": planned[name]}
        for name in built
        if name in planned and built[name] != planned[name]
    }


@pytest.fixture(scope="module")
def built() -> Iterator[Facts]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setattr(builder, "_JOINED_WITHIN_S", 0.0)
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            patch.delenv(name, raising=False)

        asked: dict[str, Any] = {}

        def remember(params: dict[str, Any], **_: Any) -> None:
            asked.update(params)

        tap = Tap()
        budgets.serve(tap)
        clients = Clients(tap, tap.identities.open_facilitator(), TOPOLOGY["region"], "203.0.113.10")

        def client(service: str) -> Any:
            made = clients.client(service)
            made.meta.events.register("provide-client-params.ecs.CreateService", remember)
            return made

        made = builder.Builder(client, TOPOLOGY, builder.Secrets("not-a-secret", PARAMETERS))
        made.build()
        made.guardrails().build()
        yield Built(client, asked).facts()


@pytest.fixture(scope="module")
def planned(state: State) -> Facts:
    return Planned(state).facts()


def test_both_sides_tell_the_same_facts(built: Facts, planned: Facts) -> None:
    assert {"only the twin": set(built) - set(planned), "only aws": set(planned) - set(built)} == {
        "only the twin": set(),
        "only aws": set(),
    }
    assert len(planned) > 60


def test_every_fact_is_the_same_on_twin_and_aws(built: Facts, planned: Facts) -> None:
    different = differences(built, planned)
    assert {name: different[name] for name in set(different) - set(DIFFERENT)} == {}


def test_a_difference_is_told_with_both_values(planned: Facts) -> None:
    other = {**planned, "health check chaosgood-web": {**planned["health check chaosgood-web"], "interval": 30}}
    assert differences(other, planned) == {
        "health check chaosgood-web": {
            "twin": other["health check chaosgood-web"],
            "aws": planned["health check chaosgood-web"],
        }
    }


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_is_said_to_differ_does(name: str, built: Facts, planned: Facts) -> None:
    assert built[name] != planned[name], "the same by now: take it off the list"


def test_tasks_differ_in_their_port_and_in_where_the_password_is_from_only(built: Facts, planned: Facts) -> None:
    twin, aws = dict(built["task environment"]), dict(planned["task environment"])
    assert aws.pop("PORT") == str(TOPOLOGY["ecs"]["service"]["container_port"])
    assert twin.pop("DATABASE_PASSWORD")
    assert twin == aws


def test_policies_are_the_files_that_the_twin_reads(state: State) -> None:
    files = {path.stem: json.loads(path.read_text()) for path in (STACK / "policies").glob("*.json")}
    attached = [
        each["policy"] for kind in ("aws_iam_policy", "aws_iam_role_policy") for each in state.all(kind).values()
    ]
    vpc = state.one("aws_vpc")["id"]
    seen = [json.loads(text.replace("210987654321", "123456789012").replace(vpc, "vpc-chaosgood")) for text in attached]
    assert [policy for policy in seen if policy not in files.values()] == []
    # The workflow's is attached only where a repository is named.
    assert {name for name, policy in files.items() if policy not in seen} == {"ci"}

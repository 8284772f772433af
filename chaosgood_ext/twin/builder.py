"""The environment of `stack/topology.json`, built by AWS API calls as terraform would make them.

The order follows what takes longest to come up: the network, then the database, then the instances. The service
comes last, when its container instances have joined the cluster.
"""

from __future__ import annotations

import base64
import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chaosgood_ext.twin.access import Access, policies
from chaosgood_ext.twin.cloud import ACCOUNT_ID
from chaosgood_ext.twin.guardrails import RETENTION_DAYS, Guardrails

Topology = Mapping[str, Any]
ClientFactory = Callable[[str], Any]
"""Returns a boto3 client of the service of that name."""

IMAGE = "chaosgood-host"
_GRACE_PERIOD_S = 30
_JOINED_WITHIN_S = 10.0
_LIFETIME = timedelta(hours=24)
_ROOT_DEVICE = "/dev/xvda"
_VOLUME_GIB = {"web": 8, "app": 30, "monitoring": 10, "workstation": 8}


@dataclass(frozen=True)
class Secrets:
    """What the topology does not say: the master password, and the parameters of `parameter-group.json`."""

    database_password: str
    database_parameters: Sequence[Mapping[str, str]] = ()


class Builder:
    """Builds the environment once. `resources` grows on the way: the flat map of ids of the outputs."""

    def __init__(self, client: ClientFactory, topology: Topology, secrets: Secrets) -> None:
        self.resources: dict[str, str] = {}
        self._topology = topology
        self._secrets = secrets
        self._client = client
        self._name = str(topology["name"])
        self._expires_at = (datetime.now(UTC) + _LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._ec2 = client("ec2")
        self._subnets: dict[str, list[str]] = {}
        self._groups: dict[str, str] = {}
        self._target_groups: dict[str, str] = {}
        self._load_balancers: dict[str, Mapping[str, str]] = {}
        self._instances: dict[str, str] = {}
        self._registry = ""

    def build(self) -> dict[str, str]:
        """Make everything and return `resources`; raises botocore's ClientError when a call fails."""
        self._make_network()
        self._make_security_groups()
        self._make_log_groups()
        self._make_database()
        self._make_roles()
        self._make_image()
        self._make_instances()
        self._make_cluster()
        self._make_target_groups()
        self._make_auto_scaling_groups()
        self._make_load_balancers()
        self._make_private_zone()
        self._make_service_registry()
        self._await_container_instances()
        self._make_service()
        return self.resources

    def guardrails(self) -> Guardrails:
        """What watches over the environment, to be built once it is there: nothing in it waits for them."""
        return Guardrails(self._client, self._topology, self.resources, self._access(), self._expires_at)

    def _access(self) -> Access:
        return Access(self._client("iam"), self._name, policies(self.resources["vpc_id"]), self._tags)

    @property
    def _common_tags(self) -> dict[str, str]:
        return {**self._topology["tags"], "expires-at": self._expires_at}

    def _tags(self, name: str, tier: str = "") -> list[dict[str, str]]:
        tags = {"Name": name, **({"tier": tier} if tier else {}), **self._common_tags}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def _tagged(self, kind: str, name: str, tier: str = "") -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": self._tags(name, tier)}]

    def _launched(self, tier: str) -> list[dict[str, Any]]:
        return [self._tagged(kind, self._named(tier), tier)[0] for kind in ("instance", "volume")]

    def _named(self, tier: str) -> str:
        return f"{self._name}-{tier}"

    # -- network

    def _make_network(self) -> None:
        ec2, vpc = self._ec2, self._topology["vpc"]
        made = ec2.create_vpc(CidrBlock=vpc["cidr_block"], TagSpecifications=self._tagged("vpc", self._name))
        self.resources["vpc_id"] = vpc_id = made["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": vpc["enable_dns_hostnames"]})
        gateway = ec2.create_internet_gateway(TagSpecifications=self._tagged("internet-gateway", self._name))
        gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
        table = ec2.create_route_table(VpcId=vpc_id, TagSpecifications=self._tagged("route-table", self._name))
        table_id = table["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
        for tier, subnet in self._topology["subnets"].items():
            self._subnets[tier] = [
                self._make_subnet(tier, zone, str(block), table_id) for zone, block in self._split(subnet)
            ]
            for subnet_id in self._subnets[tier] if subnet.get("map_public_ip_on_launch") else []:
                ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
            self.resources[f"{tier}_subnet_ids"] = ",".join(self._subnets[tier])

    def _split(self, subnet: Mapping[str, str]) -> list[tuple[str, ipaddress.IPv4Network]]:
        halves = ipaddress.IPv4Network(subnet["cidr_block"]).subnets(prefixlen_diff=1)
        return list(zip(self._topology["availability_zones"], halves, strict=True))

    def _make_subnet(self, tier: str, zone: str, block: str, table_id: str) -> str:
        made = self._ec2.create_subnet(
            VpcId=self.resources["vpc_id"],
            CidrBlock=block,
            AvailabilityZone=zone,
            TagSpecifications=self._tagged("subnet", f"{self._named(tier)}-{zone[-1]}", tier),
        )
        subnet_id = str(made["Subnet"]["SubnetId"])
        self._ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
        return subnet_id

    def _make_security_groups(self) -> None:
        for tier, group in self._topology["security_groups"].items():
            made = self._ec2.create_security_group(
                GroupName=self._named(tier),
                Description=group["description"],
                VpcId=self.resources["vpc_id"],
                TagSpecifications=self._tagged("security-group", self._named(tier), tier),
            )
            self._groups[tier] = self.resources[f"{tier}_security_group_id"] = made["GroupId"]
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        for tier, group in self._topology["security_groups"].items():
            group_id = self._groups[tier]
            self._ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=everything)
            for direction in ("ingress", "egress"):
                self._authorize(group_id, tier, direction, group[direction])

    def _authorize(self, group_id: str, tier: str, direction: str, rules: list[Mapping[str, Any]]) -> None:
        if not rules:
            return
        authorize = getattr(self._ec2, f"authorize_security_group_{direction}")
        authorize(
            GroupId=group_id,
            IpPermissions=[self._permission(rule) for rule in rules],
            TagSpecifications=self._tagged("security-group-rule", self._named(tier), tier),
        )

    def _permission(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        said = rule["description"]
        permission: dict[str, Any] = {"IpProtocol": rule["protocol"]}
        if rule["protocol"] != "-1":
            permission |= {"FromPort": rule["from_port"], "ToPort": rule["to_port"]}
        if rule.get("cidr_blocks"):
            permission["IpRanges"] = [{"CidrIp": block, "Description": said} for block in rule["cidr_blocks"]]
        if rule.get("security_groups"):
            permission["UserIdGroupPairs"] = [
                {"GroupId": self._groups[tier], "Description": said} for tier in rule["security_groups"]
            ]
        return permission

    # -- logs, identities

    def _make_log_groups(self) -> None:
        logs = self._client("logs")
        for key, name in self._topology["log_groups"].items():
            logs.create_log_group(logGroupName=name, tags={"tier": key, **self._common_tags})
            logs.put_retention_policy(logGroupName=name, retentionInDays=RETENTION_DAYS)
            self.resources[f"{key}_log_group_name"] = name

    def _make_roles(self) -> None:
        access = self._access()
        for key, arn in access.make_people(self._topology["roles"]).items():
            self.resources[f"{key}_role_arn"] = arn
        access.make_hosts()

    # -- instances

    def _make_image(self) -> None:
        image = self._ec2.register_image(
            Name=IMAGE,
            Description="What a host of the twin starts from",
            Architecture="x86_64",
            RootDeviceName=_ROOT_DEVICE,
            VirtualizationType="hvm",
        )
        self._image_id = image["ImageId"]

    def _make_instances(self) -> None:
        for tier, wanted in self._topology["instances"].items():
            made = self._ec2.run_instances(
                ImageId=self._image_id,
                InstanceType=wanted["instance_type"],
                MinCount=1,
                MaxCount=1,
                SubnetId=self._subnets[wanted["subnet"]][0],
                SecurityGroupIds=[self._groups[key] for key in wanted["security_groups"]],
                IamInstanceProfile={"Name": self._named(tier)},
                MetadataOptions=_metadata_options(),
                BlockDeviceMappings=_disks(_VOLUME_GIB[tier]),
                TagSpecifications=self._launched(tier),
            )
            instance = made["Instances"][0]
            self.resources[f"{tier}_instance_id"] = instance["InstanceId"]
            self._instances[tier] = instance["PrivateIpAddress"]

    def _make_target_groups(self) -> None:
        elb = self._client("elbv2")
        for tier, wanted in self._topology["target_groups"].items():
            self._make_target_group(elb, tier, wanted)

    def _make_load_balancers(self) -> None:
        elb = self._client("elbv2")
        for tier, wanted in self._topology["load_balancers"].items():
            self._make_load_balancer(elb, tier, wanted)

    def _make_target_group(self, elb: Any, tier: str, wanted: Mapping[str, Any]) -> None:
        check = wanted["health_check"]
        made = elb.create_target_group(
            Name=self._named(tier),
            Protocol=wanted["protocol"],
            Port=wanted["port"],
            VpcId=self.resources["vpc_id"],
            TargetType=wanted["target_type"],
            HealthCheckProtocol=wanted["protocol"],
            HealthCheckPort="traffic-port",
            HealthCheckPath=check["path"],
            HealthCheckIntervalSeconds=check["interval"],
            HealthCheckTimeoutSeconds=check["timeout"],
            HealthyThresholdCount=check["healthy_threshold"],
            UnhealthyThresholdCount=check["unhealthy_threshold"],
            Matcher={"HttpCode": check["matcher"]},
            Tags=self._tags(self._named(tier), tier),
        )
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        self._target_groups[tier] = self.resources[f"{tier}_target_group_arn"] = arn
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(wanted["deregistration_delay"])}
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])

    def _make_load_balancer(self, elb: Any, tier: str, wanted: Mapping[str, Any]) -> None:
        made = elb.create_load_balancer(
            Name=self._named(tier),
            Subnets=self._subnets[wanted["subnet"]],
            SecurityGroups=[self._groups[key] for key in wanted["security_groups"]],
            Scheme="internal" if wanted["internal"] else "internet-facing",
            Type=wanted["load_balancer_type"],
            Tags=self._tags(self._named(tier), tier),
        )["LoadBalancers"][0]
        arn = made["LoadBalancerArn"]
        self._load_balancers[tier] = made
        self.resources[f"{tier}_load_balancer_arn"] = arn
        timeout = {"Key": "idle_timeout.timeout_seconds", "Value": str(wanted["idle_timeout"])}
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[timeout])
        listener = wanted["listener"]
        elb.create_listener(
            LoadBalancerArn=arn,
            Protocol=listener["protocol"],
            Port=listener["port"],
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self._target_groups[listener["target_group"]]}],
        )

    def _make_auto_scaling_groups(self) -> None:
        autoscaling = self._client("autoscaling")
        for tier, wanted in self._topology["auto_scaling_groups"].items():
            template_id = self._make_launch_template(tier, wanted)
            tags = [
                {
                    **tag,
                    "PropagateAtLaunch": True,
                    "ResourceId": self._named(tier),
                    "ResourceType": "auto-scaling-group",
                }
                for tag in self._tags(self._named(tier), tier)
            ]
            autoscaling.create_auto_scaling_group(
                AutoScalingGroupName=self._named(tier),
                LaunchTemplate={"LaunchTemplateId": template_id, "Version": "$Latest"},
                MinSize=wanted["min_size"],
                MaxSize=wanted["max_size"],
                DesiredCapacity=wanted["desired_capacity"],
                VPCZoneIdentifier=",".join(self._subnets[wanted["subnet"]]),
                HealthCheckType=wanted["health_check_type"],
                HealthCheckGracePeriod=wanted["health_check_grace_period"],
                TargetGroupARNs=[self._target_groups[key] for key in wanted["target_groups"]],
                Tags=tags,
            )
            self.resources[f"{tier}_auto_scaling_group_name"] = self._named(tier)

    def _make_launch_template(self, tier: str, wanted: Mapping[str, Any]) -> str:
        data: dict[str, Any] = {
            "ImageId": self._image_id,
            "InstanceType": wanted["instance_type"],
            "SecurityGroupIds": [self._groups[key] for key in wanted["security_groups"]],
            "IamInstanceProfile": {"Name": self._named(tier)},
            "MetadataOptions": _metadata_options(),
            "BlockDeviceMappings": _disks(_VOLUME_GIB[tier]),
            "TagSpecifications": self._launched(tier),
        }
        if tier == "app":
            cluster = self._topology["ecs"]["cluster"]
            joins = f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n"
            data["UserData"] = base64.b64encode(joins.encode()).decode()
        made = self._ec2.create_launch_template(
            LaunchTemplateName=self._named(tier),
            LaunchTemplateData=data,
            TagSpecifications=self._tagged("launch-template", self._named(tier), tier),
        )
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    # -- containers

    def _make_cluster(self) -> None:
        cluster = self._topology["ecs"]["cluster"]
        self._client("ecs").create_cluster(clusterName=cluster, tags=_lower(self._tags(self._name)))
        self.resources["ecs_cluster_name"] = cluster

    def _await_container_instances(self) -> None:
        """Wait until both can be placed on: tasks that start on the first one never move to a later one."""
        ecs, cluster = self._client("ecs"), self._topology["ecs"]["cluster"]
        wanted = self._topology["auto_scaling_groups"]["app"]["desired_capacity"]
        deadline = time.monotonic() + _JOINED_WITHIN_S
        while time.monotonic() < deadline:
            known = ecs.describe_clusters(clusters=[cluster])["clusters"][0]
            if known["registeredContainerInstancesCount"] >= wanted:
                return
            time.sleep(0.01)

    def _make_service(self) -> None:
        ecs, wanted = self._client("ecs"), self._topology["ecs"]
        service, definition = wanted["service"], wanted["task_definition"]
        ecs.register_task_definition(**self._task_definition(definition, service))
        ecs.create_service(
            cluster=wanted["cluster"],
            serviceName=service["name"],
            taskDefinition=definition["family"],
            healthCheckGracePeriodSeconds=_GRACE_PERIOD_S,
            desiredCount=service["desired_count"],
            launchType="EC2",
            loadBalancers=[
                {
                    "targetGroupArn": self._target_groups[service["target_group"]],
                    "containerName": definition["container"]["name"],
                    "containerPort": service["container_port"],
                }
            ],
            serviceRegistries=[
                {
                    "registryArn": self._registry,
                    "containerName": definition["container"]["name"],
                    "containerPort": service["container_port"],
                }
            ],
            placementStrategy=[{"type": "spread", "field": "instanceId"}],
            tags=_lower(self._tags(service["name"], "app")),
        )
        self.resources["ecs_service_name"] = service["name"]

    def _task_definition(self, wanted: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
        container = wanted["container"]
        environment = {**container["environment"], "DATABASE_PASSWORD": self._secrets.database_password}
        return {
            "family": wanted["family"],
            "networkMode": wanted["network_mode"],
            "requiresCompatibilities": ["EC2"],
            "cpu": str(wanted["cpu"]),
            "memory": str(wanted["memory"]),
            "executionRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{self._named('execution')}",
            "taskRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{self._named('task')}",
            "tags": _lower(self._tags(wanted["family"], "app")),
            "containerDefinitions": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "command": container["command"],
                    "cpu": wanted["cpu"],
                    "memory": wanted["memory"],
                    "essential": True,
                    "portMappings": [{"containerPort": service["container_port"], "hostPort": 0, "protocol": "tcp"}],
                    "environment": [{"name": name, "value": value} for name, value in environment.items()],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": self._topology["log_groups"]["app"],
                            "awslogs-region": self._topology["region"],
                            "awslogs-stream-prefix": container["name"],
                        },
                    },
                }
            ],
        }

    def _make_service_registry(self) -> None:
        discovery, wanted = self._client("servicediscovery"), self._topology["service_discovery"]
        operation = discovery.create_private_dns_namespace(
            Name=wanted["namespace"],
            Vpc=self.resources["vpc_id"],
            CreatorRequestId=self._name,
            Tags=self._tags(wanted["namespace"]),
        )
        done = discovery.get_operation(OperationId=operation["OperationId"])["Operation"]
        made = discovery.create_service(
            Name=wanted["service"],
            NamespaceId=done["Targets"]["NAMESPACE"],
            CreatorRequestId=self._name,
            DnsConfig={
                "RoutingPolicy": "MULTIVALUE",
                "DnsRecords": [{"Type": "SRV", "TTL": wanted["ttl_s"]}],
            },
            HealthCheckCustomConfig={"FailureThreshold": 1},
            Tags=self._tags(wanted["service"]),
        )
        self._registry = made["Service"]["Arn"]

    # -- database

    def _make_database(self) -> None:
        rds = self._client("rds")
        for tier, wanted in self._topology["db_instances"].items():
            name, tags = self._named(tier), self._tags(self._named(tier), tier)
            rds.create_db_subnet_group(
                DBSubnetGroupName=name,
                DBSubnetGroupDescription="Database tier",
                SubnetIds=self._subnets[wanted["subnet"]],
                Tags=tags,
            )
            rds.create_db_parameter_group(
                DBParameterGroupName=name,
                DBParameterGroupFamily=f"{wanted['engine']}{wanted['engine_version'].partition('.')[0]}",
                Description="Database tier",
                Tags=tags,
            )
            self._set_parameters(rds, name)
            made = rds.create_db_instance(**self._db_instance(wanted, name, tags))["DBInstance"]
            self.resources["db_instance_identifier"] = wanted["identifier"]
            self.resources["database_endpoint"] = made["Endpoint"]["Address"]

    def _set_parameters(self, rds: Any, name: str) -> None:
        parameters = [
            {"ParameterName": one["name"], "ParameterValue": one["value"], "ApplyMethod": one["apply_method"]}
            for one in self._secrets.database_parameters
        ]
        if parameters:
            rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=parameters)

    def _db_instance(self, wanted: Mapping[str, Any], name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "DBInstanceIdentifier": wanted["identifier"],
            "DBInstanceClass": wanted["instance_class"],
            "Engine": wanted["engine"],
            "EngineVersion": wanted["engine_version"],
            "AllocatedStorage": wanted["allocated_storage"],
            "DBName": wanted["db_name"],
            "MasterUsername": wanted["username"],
            "MasterUserPassword": self._secrets.database_password,
            "Port": wanted["port"],
            "DBSubnetGroupName": name,
            "DBParameterGroupName": name,
            "VpcSecurityGroupIds": [self._groups[key] for key in wanted["vpc_security_group_ids"]],
            "AvailabilityZone": self._topology["availability_zones"][0],
            "PubliclyAccessible": wanted["publicly_accessible"],
            "StorageEncrypted": wanted["storage_encrypted"],
            "MultiAZ": wanted["multi_az"],
            "DeletionProtection": wanted["deletion_protection"],
            "EnableCloudwatchLogsExports": ["postgresql"],
            "Tags": tags,
        }

    # -- names

    def _make_private_zone(self) -> None:
        route53, wanted = self._client("route53"), self._topology["private_zone"]
        zone = route53.create_hosted_zone(
            Name=wanted["name"],
            CallerReference=self._name,
            VPC={"VPCRegion": self._topology["region"], "VPCId": self.resources["vpc_id"]},
            HostedZoneConfig={"Comment": "Names inside the VPC", "PrivateZone": True},
        )
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {"Name": f"{name}.{wanted['name']}", **self._record(target)},
            }
            for name, target in wanted["records"].items()
        ]
        zone_id = zone["HostedZone"]["Id"]
        route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})
        route53.change_tags_for_resource(
            ResourceType="hostedzone", ResourceId=zone_id.rpartition("/")[2], AddTags=self._tags(wanted["name"])
        )

    def _record(self, target: str) -> dict[str, Any]:
        kind, _, key = target.partition(":")
        if kind == "load_balancer":
            balancer = self._load_balancers[key]
            alias = {
                "HostedZoneId": balancer["CanonicalHostedZoneId"],
                "DNSName": balancer["DNSName"],
                "EvaluateTargetHealth": False,
            }
            return {"Type": "A", "AliasTarget": alias}
        if kind == "db_instance":
            values = [{"Value": self.resources["database_endpoint"]}]
            return {"Type": "CNAME", "TTL": 5, "ResourceRecords": values}
        return {"Type": "A", "TTL": 5, "ResourceRecords": [{"Value": self._instances[key]}]}


def _metadata_options() -> dict[str, Any]:
    return {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def _disks(volume_size: int) -> list[dict[str, Any]]:
    disk = {"VolumeSize": volume_size, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    return [{"DeviceName": _ROOT_DEVICE, "Ebs": disk}]


def _lower(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{key.lower(): value for key, value in tag.items()} for tag in tags]

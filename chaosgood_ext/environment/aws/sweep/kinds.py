"""Every kind of thing that an environment consists of: how the environment's are found, and how one is deleted.

What costs or is in the way of other things comes first. Where AWS refuses for now (something is still in use, or being
deleted), the next round asks again; so nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.sweep import compute, identities, network, watching


@dataclass(frozen=True)
class Kind:
    """What people call it, which ids or names of it are the environment's, and the deletion of one.

    `arns` are beginnings of `SERVICE:RESOURCE` in ARNs: of these, `find` knows better than AWS's tagging API, which
    lists things for hours after their end.
    """

    name: str
    find: Callable[[Aws], Iterable[str]]
    delete: Callable[[Aws, str], object]
    arns: tuple[str, ...] = ()


THINGS = (
    Kind("scalable target", compute.scalable_targets, compute.deregister, ("application-autoscaling:",)),
    Kind("ECS service", compute.services, compute.delete_service, ("ecs:service/",)),
    Kind(
        "auto scaling group",
        compute.groups,
        compute.delete_group,
        ("autoscaling:",),
    ),
    Kind(
        "instance",
        compute.instances,
        compute.terminate,
        ("ec2:instance/",),
    ),
    Kind("database", compute.databases, compute.delete_database, ("rds:db:",)),
    Kind(
        "load balancer",
        network.of_elb("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
        network.delete_load_balancer,
        ("elasticloadbalancing:loadbalancer/", "elasticloadbalancing:listener"),
    ),
    Kind(
        "target group",
        network.of_elb("describe_target_groups", "TargetGroups", "TargetGroupArn"),
        lambda aws, arn: aws["elbv2"].delete_target_group(TargetGroupArn=arn),
        ("elasticloadbalancing:targetgroup/",),
    ),
    Kind(
        "container instance",
        compute.container_instances,
        compute.deregister_container_instance,
        ("ecs:container-instance/", "ecs:task/"),
    ),
    Kind(
        "task definition",
        compute.task_definitions,
        compute.delete_task_definition,
        ("ecs:task-definition/",),
    ),
    Kind("ECS cluster", compute.clusters, lambda aws, arn: aws["ecs"].delete_cluster(cluster=arn), ("ecs:cluster/",)),
    Kind(
        "launch template",
        compute.templates,
        lambda aws, one: aws["ec2"].delete_launch_template(LaunchTemplateId=one),
        ("ec2:launch-template/",),
    ),
    Kind("key pair", compute.key_pairs, lambda aws, one: aws["ec2"].delete_key_pair(KeyName=one), ("ec2:key-pair/",)),
    Kind("volume", compute.volumes, lambda aws, one: aws["ec2"].delete_volume(VolumeId=one), ("ec2:volume/",)),
    Kind(
        "DB subnet group",
        compute.of_rds("describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
        lambda aws, name: aws["rds"].delete_db_subnet_group(DBSubnetGroupName=name),
        ("rds:subgrp:",),
    ),
    Kind(
        "DB parameter group",
        compute.of_rds("describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
        lambda aws, name: aws["rds"].delete_db_parameter_group(DBParameterGroupName=name),
        ("rds:pg:",),
    ),
    Kind(
        "Cloud Map service",
        network.of_cloud_map("list_services", "Services"),
        network.delete_discovery,
        ("servicediscovery:service/",),
    ),
    Kind(
        "Cloud Map namespace",
        network.of_cloud_map("list_namespaces", "Namespaces"),
        lambda aws, one: aws["servicediscovery"].delete_namespace(Id=one),
        ("servicediscovery:namespace/",),
    ),
    Kind("hosted zone", network.zones, network.delete_zone, ("route53:hostedzone/",)),
    Kind(
        "network interface",
        network.interfaces,
        lambda aws, one: aws["ec2"].delete_network_interface(NetworkInterfaceId=one),
        ("ec2:network-interface/",),
    ),
    Kind("security group", network.security_groups, network.delete_security_group, ("ec2:security-group",)),
    Kind(
        "flow log",
        network.flow_logs,
        lambda aws, one: aws["ec2"].delete_flow_logs(FlowLogIds=[one]),
        ("ec2:vpc-flow-log/",),
    ),
    Kind("subnet", network.subnets, lambda aws, one: aws["ec2"].delete_subnet(SubnetId=one), ("ec2:subnet/",)),
    Kind("route table", network.route_tables, network.delete_route_table, ("ec2:route-table/",)),
    Kind("internet gateway", network.gateways, network.delete_gateway, ("ec2:internet-gateway/",)),
    Kind("VPC", Aws.vpcs, lambda aws, one: aws["ec2"].delete_vpc(VpcId=one), ("ec2:vpc/",)),
    Kind("trail", watching.trails, lambda aws, name: aws["cloudtrail"].delete_trail(Name=name), ("cloudtrail:",)),
    Kind("bucket", watching.buckets, watching.delete_bucket, ("s3:",)),
    Kind(
        "alarm", watching.alarms, lambda aws, name: aws["cloudwatch"].delete_alarms(AlarmNames=[name]), ("cloudwatch:",)
    ),
    Kind("topic", watching.topics, lambda aws, arn: aws["sns"].delete_topic(TopicArn=arn), ("sns:",)),
    Kind("budget", watching.budgets, watching.delete_budget, ("budgets:",)),
    Kind(
        "log group", watching.log_groups, lambda aws, name: aws["logs"].delete_log_group(logGroupName=name), ("logs:",)
    ),
    Kind(
        "session document",
        watching.documents,
        lambda aws, name: aws["ssm"].delete_document(Name=name),
        ("ssm:document/",),
    ),
)

LAST = (
    Kind(
        "group of schedules",
        watching.schedules,
        lambda aws, name: aws["scheduler"].delete_schedule_group(Name=name),
        ("scheduler:",),
    ),
    Kind("instance profile", identities.profiles, identities.delete_profile, ("iam:instance-profile/",)),
    Kind("role", identities.roles, identities.delete_role, ("iam:role/",)),
    Kind("policy", identities.policies, identities.delete_policy, ("iam:policy/",)),
    Kind("identity provider", identities.providers, identities.delete_provider, ("iam:oidc-provider/",)),
)
"""What ends the environment at its time, if the sweep breaks off, and who may do so: these go when all else is gone."""

KINDS = (*THINGS, *LAST)

PLAYERS = tuple(kind for kind in THINGS if kind.name in ("instance", "security group"))
"""What players may make that keeps what terraform made from being deleted."""

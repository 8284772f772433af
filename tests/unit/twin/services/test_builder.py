"""The environment is built as the topology says."""

from __future__ import annotations

from typing import Any

import pytest

Built = Any


def test_every_tier_has_two_subnets_of_its_block_in_both_zones(built: Built) -> None:
    for tier in built.topology["subnets"]:
        ids = built.resources[f"{tier}_subnet_ids"].split(",")
        subnets = built.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"]
        assert {one["AvailabilityZone"] for one in subnets} == {"us-east-1a", "us-east-1b"}
        assert {one["CidrBlock"].rpartition("/")[2] for one in subnets} == {"24"}


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_security_groups_have_the_topology_s_rules_with_descriptions_and_tags(built: Built, direction: str) -> None:
    for tier, group in built.topology["security_groups"].items():
        group_id = built.resources[f"{tier}_security_group_id"]
        found = built.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group_id]}])
        rules = [one for one in found["SecurityGroupRules"] if one["IsEgress"] == (direction == "egress")]
        assert sorted(one["Description"] for one in rules) == sorted(one["description"] for one in group[direction])
        assert all({"Key": "project", "Value": "chaosgood"} in one["Tags"] for one in rules)


def test_a_rule_by_group_names_the_other_tier_s_group(built: Built) -> None:
    rules = built.client("ec2").describe_security_groups(GroupIds=[built.resources["database_security_group_id"]])
    permissions = rules["SecurityGroups"][0]["IpPermissions"]
    pairs = {pair["GroupId"] for permission in permissions for pair in permission["UserIdGroupPairs"]}
    assert pairs == {built.resources["app_security_group_id"], built.resources["monitoring_security_group_id"]}


def test_instances_carry_their_tier(built: Built) -> None:
    reservations = built.client("ec2").describe_instances()["Reservations"]
    tiers = [
        {tag["Key"]: tag["Value"] for tag in instance["Tags"]}["tier"]
        for reservation in reservations
        for instance in reservation["Instances"]
    ]
    assert sorted(tiers) == ["monitoring", "web", "web", "workstation"]


def test_load_balancers_forward_to_the_topology_s_target_groups(built: Built) -> None:
    for tier, balancer in built.topology["load_balancers"].items():
        listeners = built.client("elbv2").describe_listeners(
            LoadBalancerArn=built.resources[f"{tier}_load_balancer_arn"]
        )
        action = listeners["Listeners"][0]["DefaultActions"][0]
        assert action["TargetGroupArn"] == built.resources[f"{balancer['listener']['target_group']}_target_group_arn"]


def test_the_outputs_have_every_resource_that_their_schema_wants(built: Built) -> None:
    from chaosgood_ext.environment.outputs import schema

    required = schema()["properties"]["resources"]["required"]
    assert set(required) <= set(built.resources)
    assert all(isinstance(value, str) and value for value in built.resources.values())


def test_no_task_runs_before_its_process_does(built: Built) -> None:
    service = built.client("ecs").describe_services(
        cluster=built.resources["ecs_cluster_name"], services=[built.resources["ecs_service_name"]]
    )["services"][0]
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (2, 0, 0)


def test_the_database_is_not_available_before_it_answers(built: Built) -> None:
    found = built.client("rds").describe_db_instances(DBInstanceIdentifier=built.resources["db_instance_identifier"])
    assert found["DBInstances"][0]["DBInstanceStatus"] == "creating"


def test_instances_have_encrypted_volumes_with_their_tags_and_demand_tokens(built: Built) -> None:
    ec2 = built.client("ec2")
    hosts = [one for each in ec2.describe_instances()["Reservations"] for one in each["Instances"]]
    volumes = ec2.describe_volumes()["Volumes"]
    assert {one["InstanceId"] for one in hosts} == {one["Attachments"][0]["InstanceId"] for one in volumes}
    assert len(volumes) == len(hosts)
    assert all(one["Encrypted"] for one in volumes)
    assert all({"Key": "game", "Value": "chaosgood"} in one["Tags"] for one in volumes)
    assert {one["MetadataOptions"]["HttpTokens"] for one in hosts} == {"required"}


def test_every_host_has_the_role_of_its_tier(built: Built) -> None:
    for reservation in built.client("ec2").describe_instances()["Reservations"]:
        for host in reservation["Instances"]:
            tier = {tag["Key"]: tag["Value"] for tag in host["Tags"]}["tier"]
            assert host["IamInstanceProfile"]["Arn"].endswith(f"instance-profile/chaosgood-{tier}")

"""The sweep knows everything that terraform makes: what it does not know would stay when the state is lost."""

from __future__ import annotations

from chaosgood_ext.environment.aws.sweep.kinds import KINDS

from .conftest import State

SWEPT_AS = {
    "aws_appautoscaling_policy": "scalable target",
    "aws_appautoscaling_target": "scalable target",
    "aws_autoscaling_group": "auto scaling group",
    "aws_budgets_budget": "budget",
    "aws_budgets_budget_action": "budget",
    "aws_cloudtrail": "trail",
    "aws_cloudwatch_log_group": "log group",
    "aws_cloudwatch_metric_alarm": "alarm",
    "aws_db_instance": "database",
    "aws_db_parameter_group": "DB parameter group",
    "aws_db_subnet_group": "DB subnet group",
    "aws_default_security_group": "VPC",
    "aws_ecs_cluster": "ECS cluster",
    "aws_ecs_service": "ECS service",
    "aws_ecs_task_definition": "task definition",
    "aws_flow_log": "flow log",
    "aws_iam_instance_profile": "instance profile",
    "aws_iam_openid_connect_provider": "identity provider",
    "aws_iam_policy": "policy",
    "aws_iam_role": "role",
    "aws_iam_role_policy": "role",
    "aws_iam_role_policy_attachment": "role",
    "aws_instance": "instance",
    "aws_internet_gateway": "internet gateway",
    "aws_key_pair": "key pair",
    "aws_launch_template": "launch template",
    "aws_lb": "load balancer",
    "aws_lb_listener": "load balancer",
    "aws_lb_target_group": "target group",
    "aws_route": "route table",
    "aws_route53_record": "hosted zone",
    "aws_route53_zone": "hosted zone",
    "aws_route_table": "route table",
    "aws_route_table_association": "route table",
    "aws_s3_bucket": "bucket",
    "aws_s3_bucket_policy": "bucket",
    "aws_s3_bucket_public_access_block": "bucket",
    "aws_s3_bucket_server_side_encryption_configuration": "bucket",
    "aws_s3_object": "bucket",
    "aws_scheduler_schedule": "group of schedules",
    "aws_scheduler_schedule_group": "group of schedules",
    "aws_security_group": "security group",
    "aws_service_discovery_private_dns_namespace": "Cloud Map namespace",
    "aws_service_discovery_service": "Cloud Map service",
    "aws_sns_topic": "topic",
    "aws_sns_topic_policy": "topic",
    "aws_sns_topic_subscription": "topic",
    "aws_ssm_document": "session document",
    "aws_subnet": "subnet",
    "aws_vpc": "VPC",
    "aws_vpc_security_group_egress_rule": "security group",
    "aws_vpc_security_group_ingress_rule": "security group",
}
"""With which kind of the sweep each type of resource goes."""


def test_every_type_of_resource_goes_with_a_kind(state: State) -> None:
    made = {each["type"] for each in state.resources if each["mode"] == "managed"}
    assert {kind for kind in made - SWEPT_AS.keys() if kind.startswith("aws_")} == set()
    assert set(SWEPT_AS.values()) <= {kind.name for kind in KINDS}


def test_names_by_which_a_sweep_finds_things_are_theirs(state: State) -> None:
    named = {
        "aws_budgets_budget": "name",
        "aws_cloudwatch_metric_alarm": "alarm_name",
        "aws_iam_instance_profile": "name",
        "aws_iam_policy": "name",
        "aws_iam_role": "name",
        "aws_s3_bucket": "bucket",
        "aws_scheduler_schedule_group": "name",
    }
    for kind, key in named.items():
        for address, values in state.all(kind).items():
            assert values[key].startswith("chaosgood-"), address
    for address, values in state.all("aws_cloudwatch_log_group").items():
        assert values["name"].startswith(("/chaosgood/", "/aws/rds/instance/chaosgood/")), address


def test_what_a_sweep_finds_by_a_tag_as_well_can_carry_one(state: State) -> None:
    for kind in ("aws_budgets_budget", "aws_budgets_budget_action"):
        assert {"tags", "tags_all"} <= state.one(kind).keys(), kind

"""What watches over the environment: flow log, trail, budget and its lockout, billing alarm, the end of its lifetime.

As terraform's modules `logs`, `guardrails` and `lifetime` make them, by the same calls. On the twin they are on the
books only, as docs/reference/twin.md says: nothing costs anything there, and no schedule is ever carried out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.cloud import ACCOUNT_ID

if TYPE_CHECKING:
    from chaosgood_ext.twin.access import Access
    from chaosgood_ext.twin.builder import ClientFactory, Topology

RETENTION_DAYS = 3
"""As terraform's variable `retention_days` has it."""
_BUDGET_USD_PER_DAY = 10
_SUBSCRIBER = "facilitator@example.com"
_MAIL = {"SubscriptionType": "EMAIL", "Address": _SUBSCRIBER}
_TARGET = "arn:aws:scheduler:::aws-sdk:"
_UNPROTECTED_BEFORE = timedelta(minutes=5)

Step = tuple[str, str, dict[str, Any]]
"""Of a schedule: name, call, parameters."""


@dataclass(frozen=True)
class Guardrails:
    """Makes them for the environment with these `resources`, which ends at `expires_at` (UTC, ending in Z)."""

    client: ClientFactory
    topology: Topology
    resources: Mapping[str, str]
    access: Access
    expires_at: str

    def build(self) -> None:
        """Make all of them; raises botocore's ClientError when a call fails."""
        self.access.make_tasks()
        self._make_flow_log()
        self._make_trail()
        self._make_budget()
        self._make_lock_out()
        self._make_billing_alarm()
        self._make_lifetime()

    @property
    def _name(self) -> str:
        return str(self.topology["name"])

    def _tags(self, name: str) -> list[dict[str, str]]:
        return [dict(tag) for tag in self.access.tags(name)]

    def _make_flow_log(self) -> None:
        group, logs = f"/{self._name}/flow", self.client("logs")
        role = self.access.make_service_role("flow-log", "vpc-flow-logs", "Writes the flow log")
        logs.create_log_group(logGroupName=group, tags={tag["Key"]: tag["Value"] for tag in self._tags(group)})
        logs.put_retention_policy(logGroupName=group, retentionInDays=RETENTION_DAYS)
        self.client("ec2").create_flow_logs(
            ResourceIds=[self.resources["vpc_id"]],
            ResourceType="VPC",
            TrafficType="ALL",
            MaxAggregationInterval=60,
            LogGroupName=group,
            DeliverLogsPermissionArn=role,
            TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": self._tags(self._name)}],
        )

    def _make_trail(self) -> None:
        s3, trail = self.client("s3"), self.client("cloudtrail")
        bucket = f"{self._name}-trail-{ACCOUNT_ID}"
        s3.create_bucket(Bucket=bucket)
        switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(switches, True))
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": self._tags(bucket)})
        trail.create_trail(
            Name=self._name,
            S3BucketName=bucket,
            IncludeGlobalServiceEvents=True,
            IsMultiRegionTrail=True,
            EnableLogFileValidation=True,
            TagsList=self._tags(self._name),
        )
        trail.start_logging(Name=self._name)

    def _make_budget(self) -> None:
        notification = {
            "NotificationType": "ACTUAL",
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": 80,
            "ThresholdType": "PERCENTAGE",
        }
        self.client("budgets").create_budget(
            AccountId=ACCOUNT_ID,
            Budget={
                "BudgetName": f"{self._name}-daily",
                "BudgetType": "COST",
                "TimeUnit": "DAILY",
                "BudgetLimit": {"Amount": str(_BUDGET_USD_PER_DAY), "Unit": "USD"},
            },
            NotificationsWithSubscribers=[
                {
                    "Notification": notification,
                    "Subscribers": [_MAIL],
                }
            ],
            ResourceTags=self._tags(f"{self._name}-daily"),
        )

    def _make_lock_out(self) -> None:
        lockout = self.access.policy("lockout", "Denies everything; the budget attaches it to the player's role")
        role = self.access.make_service_role("lock-out", "budgets", "Attaches the lockout, and does nothing else")
        player = self.topology["roles"]["player"]
        self.client("budgets").create_budget_action(
            AccountId=ACCOUNT_ID,
            BudgetName=f"{self._name}-daily",
            NotificationType="ACTUAL",
            ActionType="APPLY_IAM_POLICY",
            ActionThreshold={"ActionThresholdType": "PERCENTAGE", "ActionThresholdValue": 100},
            Definition={"IamActionDefinition": {"PolicyArn": lockout, "Roles": [player]}},
            ExecutionRoleArn=role,
            ApprovalModel="AUTOMATIC",
            Subscribers=[_MAIL],
            ResourceTags=self._tags(f"{self._name}-daily"),
        )

    def _make_billing_alarm(self) -> None:
        sns, name = self.client("sns"), f"{self._name}-costs"
        topic = sns.create_topic(Name=name, Tags=self._tags(name))["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=_SUBSCRIBER)
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=f"{self._name}-billing",
            AlarmDescription="The month's estimated charges passed ten days' budget",
            Namespace="AWS/Billing",
            MetricName="EstimatedCharges",
            Dimensions=[{"Name": "Currency", "Value": "USD"}],
            Statistic="Maximum",
            Period=21600,
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=float(_BUDGET_USD_PER_DAY * 10),
            TreatMissingData="notBreaching",
            AlarmActions=[topic],
            Tags=self._tags(f"{self._name}-billing"),
        )

    def _make_lifetime(self) -> None:
        scheduler, group = self.client("scheduler"), f"{self._name}-lifetime"
        role = self.access.make_service_role("lifetime", "scheduler", "Deletes what costs")
        scheduler.create_schedule_group(Name=group, Tags=self._tags(group))
        end = datetime.fromisoformat(self.expires_at.removesuffix("Z"))
        earlier = [(end - _UNPROTECTED_BEFORE, *step) for step in self._unprotected()]
        for at, name, call, said in [*earlier, *((end, *step) for step in self._deleted())]:
            scheduler.create_schedule(
                Name=name,
                GroupName=group,
                Description="Once, at the end of the environment's time",
                ScheduleExpression=f"at({at.isoformat()})",
                ScheduleExpressionTimezone="UTC",
                ActionAfterCompletion="NONE",
                State="ENABLED",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={
                    "Arn": _TARGET + call,
                    "RoleArn": role,
                    "Input": json.dumps(said),
                    "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 20},
                },
            )

    def _unprotected(self) -> Iterator[Step]:
        """What switches off whatever keeps a thing from being deleted."""
        known = self.resources
        database = {"DbInstanceIdentifier": known["db_instance_identifier"]}
        off = {"DeletionProtection": False, "ApplyImmediately": True}
        yield "unprotect-database", "rds:modifyDBInstance", database | off
        for tier in self.topology["auto_scaling_groups"]:
            group = known[f"{tier}_auto_scaling_group_name"]
            none = {"AutoScalingGroupName": group, "DeletionProtection": "none"}
            yield f"unprotect-{group}", "autoscaling:updateAutoScalingGroup", none
        for index, tier in enumerate(self.topology["load_balancers"]):
            attributes = [{"Key": "deletion_protection.enabled", "Value": "false"}]
            balancer = {"LoadBalancerArn": known[f"{tier}_load_balancer_arn"], "Attributes": attributes}
            call = "elasticloadbalancingv2:modifyLoadBalancerAttributes"
            yield f"unprotect-load-balancer-{index}", call, balancer

    def _deleted(self) -> Iterator[Step]:
        """What ends all that costs."""
        known = self.resources
        service = {"Cluster": known["ecs_cluster_name"], "Service": known["ecs_service_name"], "DesiredCount": 0}
        yield "stop-service", "ecs:updateService", service
        database = {"DbInstanceIdentifier": known["db_instance_identifier"]}
        quickly = {"SkipFinalSnapshot": True, "DeleteAutomatedBackups": True}
        yield "delete-database", "rds:deleteDBInstance", database | quickly
        hosts = [known[f"{tier}_instance_id"] for tier in self.topology["instances"]]
        yield "terminate-hosts", "ec2:terminateInstances", {"InstanceIds": hosts}
        for tier in self.topology["auto_scaling_groups"]:
            group = known[f"{tier}_auto_scaling_group_name"]
            whole = {"AutoScalingGroupName": group, "ForceDelete": True}
            yield f"delete-{group}", "autoscaling:deleteAutoScalingGroup", whole
        for index, tier in enumerate(self.topology["load_balancers"]):
            arn = known[f"{tier}_load_balancer_arn"]
            call = "elasticloadbalancingv2:deleteLoadBalancer"
            yield f"delete-load-balancer-{index}", call, {"LoadBalancerArn": arn}

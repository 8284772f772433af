"""moto's state, read and written in process. Hold the tap's lock for every look into it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from moto.backends import get_backend

from chaosgood_ext.twin.cloud import ACCOUNT_ID, PARTITION

if TYPE_CHECKING:
    from moto.autoscaling.models import AutoScalingBackend
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.ec2.models import EC2Backend
    from moto.ecs.models import EC2ContainerServiceBackend
    from moto.elbv2.models import ELBv2Backend
    from moto.logs.models import LogsBackend
    from moto.rds.models import RDSBackend
    from moto.route53.models import Route53Backend
    from moto.servicediscovery.models import ServiceDiscoveryBackend
    from moto.sns.models import SNSBackend
    from moto.ssm.models import SimpleSystemManagerBackend


class State:
    """The backends of one region of the account; each is imported when it is first asked for."""

    def __init__(self, region: str) -> None:
        self.region = region

    @cached_property
    def ec2(self) -> EC2Backend:
        """Instances, networks, security groups."""
        return get_backend("ec2")[ACCOUNT_ID][self.region]

    @cached_property
    def autoscaling(self) -> AutoScalingBackend:
        """Auto scaling groups."""
        return get_backend("autoscaling")[ACCOUNT_ID][self.region]

    @cached_property
    def cloudwatch(self) -> CloudWatchBackend:
        """Alarms and dashboards."""
        return get_backend("cloudwatch")[ACCOUNT_ID][self.region]

    @cached_property
    def sns(self) -> SNSBackend:
        """Topics and who hears of what is published to them."""
        return get_backend("sns")[ACCOUNT_ID][self.region]

    @cached_property
    def elbv2(self) -> ELBv2Backend:
        """Load balancers and target groups."""
        return get_backend("elbv2")[ACCOUNT_ID][self.region]

    @cached_property
    def ecs(self) -> EC2ContainerServiceBackend:
        """Clusters, services, tasks."""
        return get_backend("ecs")[ACCOUNT_ID][self.region]

    @cached_property
    def rds(self) -> RDSBackend:
        """DB instances."""
        return get_backend("rds")[ACCOUNT_ID][self.region]

    @cached_property
    def logs(self) -> LogsBackend:
        """Log groups and what was logged."""
        return get_backend("logs")[ACCOUNT_ID][self.region]

    @cached_property
    def route53(self) -> Route53Backend:
        """Hosted zones."""
        return get_backend("route53")[ACCOUNT_ID][PARTITION]

    @cached_property
    def servicediscovery(self) -> ServiceDiscoveryBackend:
        """Cloud Map namespaces and services."""
        return get_backend("servicediscovery")[ACCOUNT_ID][self.region]

    @cached_property
    def ssm(self) -> SimpleSystemManagerBackend:
        """Systems Manager's documents and parameters."""
        return get_backend("ssm")[ACCOUNT_ID][self.region]

"""What leads to it: load balancers, names and the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chaosgood_ext.environment.aws import rules
from chaosgood_ext.environment.aws.asking import Aws

# -- load balancers


def of_elb(operation: str, key: str, arn: str) -> Callable[[Aws], Iterator[str]]:
    """What finds things of load balancing by their tags, and gives their `arn`."""

    def find(aws: Aws) -> Iterator[str]:
        for one in aws.every("elbv2", operation, key):
            (told,) = aws["elbv2"].describe_tags(ResourceArns=[one[arn]])["TagDescriptions"]
            if aws.is_ours(told["Tags"]):
                yield one[arn]

    return find


def delete_load_balancer(aws: Aws, arn: str) -> None:
    """Delete a load balancer, also one that is protected from that."""
    unprotected = {"Key": "deletion_protection.enabled", "Value": "false"}
    aws["elbv2"].modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[unprotected])
    aws["elbv2"].delete_load_balancer(LoadBalancerArn=arn)


# -- names


def of_cloud_map(operation: str, key: str) -> Callable[[Aws], Iterator[str]]:
    """What finds things of Cloud Map by their tags, and gives their ids."""

    def find(aws: Aws) -> Iterator[str]:
        for one in aws.every("servicediscovery", operation, key):
            if aws.is_ours(aws["servicediscovery"].list_tags_for_resource(ResourceARN=one["Arn"])["Tags"]):
                yield one["Id"]

    return find


def delete_discovery(aws: Aws, service: str) -> None:
    """Delete a service of Cloud Map, out of which its instances go first."""
    for one in aws.every("servicediscovery", "list_instances", "Instances", ServiceId=service):
        aws["servicediscovery"].deregister_instance(ServiceId=service, InstanceId=one["Id"])
    aws["servicediscovery"].delete_service(Id=service)


def zones(aws: Aws) -> Iterator[str]:
    """Ids of the hosted zones."""
    for zone in aws.every("route53", "list_hosted_zones", "HostedZones"):
        zone_id = zone["Id"].rpartition("/")[2]
        told = aws["route53"].list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id)
        # Cloud Map deletes its own.
        if "LinkedService" not in zone and aws.is_ours(told["ResourceTagSet"]["Tags"]):
            yield zone_id


def delete_zone(aws: Aws, zone_id: str) -> None:
    """Delete a hosted zone with its records."""
    records = aws.every("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone_id)
    changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in records if one["Type"] not in ("NS", "SOA")]
    if changes:
        aws["route53"].change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})
    aws["route53"].delete_hosted_zone(Id=zone_id)


# -- the network


def security_groups(aws: Aws) -> Iterator[str]:
    """Ids of the security groups."""
    # The default one goes with its VPC.
    found = aws.ec2("describe_security_groups", "SecurityGroups")
    yield from (one["GroupId"] for one in found if one["GroupName"] != "default")


def delete_security_group(aws: Aws, group_id: str) -> None:
    """Revoke its rules, then delete it: groups name each other, so that some go in the next round only."""
    of_group = [{"Name": "group-id", "Values": [group_id]}]
    for rule in list(aws.every("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=of_group)):
        rules.revoke(aws, rule)
    aws["ec2"].delete_security_group(GroupId=group_id)


def interfaces(aws: Aws) -> Iterator[str]:
    """Ids of the network interfaces that nothing uses."""
    found = aws.ec2("describe_network_interfaces", "NetworkInterfaces")
    yield from (one["NetworkInterfaceId"] for one in found if one["Status"] == "available")


def flow_logs(aws: Aws) -> Iterator[str]:
    """Ids of the flow logs."""
    yield from (one["FlowLogId"] for one in aws.every("ec2", "describe_flow_logs", "FlowLogs", Filter=aws.tag))


def subnets(aws: Aws) -> Iterator[str]:
    """Ids of the subnets."""
    yield from (one["SubnetId"] for one in aws.ec2("describe_subnets", "Subnets"))


def route_tables(aws: Aws) -> Iterator[str]:
    """Ids of the route tables."""
    # The main one goes with its VPC.
    for table in aws.ec2("describe_route_tables", "RouteTables"):
        if not any(one.get("Main") for one in table["Associations"]):
            yield table["RouteTableId"]


def delete_route_table(aws: Aws, table_id: str) -> None:
    """Delete a route table, from which its subnets go first."""
    (table,) = aws["ec2"].describe_route_tables(RouteTableIds=[table_id])["RouteTables"]
    for one in table["Associations"]:
        aws["ec2"].disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
    aws["ec2"].delete_route_table(RouteTableId=table_id)


def gateways(aws: Aws) -> Iterator[str]:
    """Ids of the internet gateways."""
    found = aws.ec2("describe_internet_gateways", "InternetGateways", "attachment.vpc-id")
    yield from (one["InternetGatewayId"] for one in found)


def delete_gateway(aws: Aws, gateway_id: str) -> None:
    """Delete an internet gateway, from which its VPC goes first."""
    (gateway,) = aws["ec2"].describe_internet_gateways(InternetGatewayIds=[gateway_id])["InternetGateways"]
    for one in gateway["Attachments"]:
        aws["ec2"].detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=one["VpcId"])
    aws["ec2"].delete_internet_gateway(InternetGatewayId=gateway_id)

"""What runs of the environment: containers, hosts and the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chaosgood_ext.environment.aws.asking import Aws

_DEAD = {"terminated", "shutting-down"}


# -- containers


def scalable_targets(aws: Aws) -> Iterator[str]:
    """Services whose count of tasks is scaled."""
    found = aws.every("application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs")
    yield from (one["ResourceId"] for one in found if one["ResourceId"].startswith(f"service/{aws.game}/"))


def deregister(aws: Aws, service: str) -> None:
    """End a service's scaling."""
    aws["application-autoscaling"].deregister_scalable_target(
        ServiceNamespace="ecs", ResourceId=service, ScalableDimension="ecs:service:DesiredCount"
    )


def clusters(aws: Aws) -> Iterator[str]:
    """ARNs of the environment's clusters."""
    for arn in aws.every("ecs", "list_clusters", "clusterArns"):
        (cluster,) = aws["ecs"].describe_clusters(clusters=[arn], include=["TAGS"])["clusters"]
        if cluster["status"] != "INACTIVE" and aws.is_ours(cluster.get("tags")):
            yield arn


def services(aws: Aws) -> Iterator[str]:
    """ARNs of the services in them."""
    for cluster in clusters(aws):
        yield from aws.every("ecs", "list_services", "serviceArns", cluster=cluster)


def delete_service(aws: Aws, arn: str) -> None:
    """Delete a service with its tasks."""
    aws["ecs"].delete_service(cluster=arn.split("/")[-2], service=arn, force=True)


def container_instances(aws: Aws) -> Iterator[str]:
    """ARNs of the hosts in the clusters."""
    for cluster in clusters(aws):
        yield from aws.every("ecs", "list_container_instances", "containerInstanceArns", cluster=cluster)


def deregister_container_instance(aws: Aws, arn: str) -> None:
    """Take a host out of its cluster, with its tasks."""
    aws["ecs"].deregister_container_instance(cluster=arn.split("/")[-2], containerInstance=arn, force=True)


def task_definitions(aws: Aws) -> Iterator[str]:
    """Revisions for tasks of the environment; a responder's carry no tag, but name a role of its tasks."""
    for status in ("ACTIVE", "INACTIVE"):
        for arn in aws.every("ecs", "list_task_definitions", "taskDefinitionArns", status=status):
            known = aws["ecs"].describe_task_definition(taskDefinition=arn, include=["TAGS"])
            roles = (known["taskDefinition"].get(key, "") for key in ("executionRoleArn", "taskRoleArn"))
            if aws.is_ours(known.get("tags")) or any(f":role/{aws.game}-" in role for role in roles):
                yield arn


def delete_task_definition(aws: Aws, arn: str) -> None:
    """Deregister a revision, without which ECS deletes none, and delete it, without which it stays for ever.

    It goes when the last task of it has ended; ECS lists it as neither active nor inactive meanwhile.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html
    """
    aws["ecs"].deregister_task_definition(taskDefinition=arn)
    aws["ecs"].delete_task_definitions(taskDefinitions=[arn])


# -- hosts


def groups(aws: Aws) -> Iterator[str]:
    """Names of the auto scaling groups."""
    found = aws.every("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", Filters=aws.tag)
    yield from (one["AutoScalingGroupName"] for one in found)


def delete_group(aws: Aws, name: str) -> None:
    """Delete it with its hosts, whatever their state, and first its protection if somebody gave it one.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/resource-deletion-protection.html
    """
    scaling = aws["autoscaling"]
    for known in scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]:
        if known.get("DeletionProtection", "none") != "none":
            scaling.update_auto_scaling_group(AutoScalingGroupName=name, DeletionProtection="none")
    scaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


def instances(aws: Aws) -> Iterator[str]:
    """Ids of the instances that are not terminated or about to be."""
    for reservation in aws.ec2("describe_instances", "Reservations"):
        yield from (one["InstanceId"] for one in reservation["Instances"] if one["State"]["Name"] not in _DEAD)


def terminate(aws: Aws, instance: str) -> None:
    """Terminate a host, also one that was launched with protection from that: IAM has no condition for it."""
    ec2 = aws["ec2"]
    told = ec2.describe_instance_attribute(InstanceId=instance, Attribute="disableApiTermination")
    if told["DisableApiTermination"]["Value"]:
        ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[instance])


def templates(aws: Aws) -> Iterator[str]:
    """Ids of the launch templates."""
    for one in aws.every("ec2", "describe_launch_templates", "LaunchTemplates", Filters=aws.tag):
        yield one["LaunchTemplateId"]


def key_pairs(aws: Aws) -> Iterator[str]:
    """Names of the key pairs."""
    # No pages: AWS lists them all.
    yield from (one["KeyName"] for one in aws["ec2"].describe_key_pairs(Filters=aws.tag)["KeyPairs"])


def volumes(aws: Aws) -> Iterator[str]:
    """Ids of the volumes that no instance uses."""
    unused = [*aws.tag, {"Name": "status", "Values": ["available"]}]
    yield from (one["VolumeId"] for one in aws.every("ec2", "describe_volumes", "Volumes", Filters=unused))


# -- the database


def databases(aws: Aws) -> Iterator[str]:
    """Names of the database instances."""
    for one in aws.every("rds", "describe_db_instances", "DBInstances"):
        if aws.is_ours(one.get("TagList")):
            yield one["DBInstanceIdentifier"]


def delete_database(aws: Aws, name: str) -> None:
    """Delete a database, protected or not, without a snapshot and with its backups."""
    rds = aws["rds"]
    (known,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    if known["DBInstanceStatus"] == "deleting":
        return
    if known.get("DeletionProtection"):
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def of_rds(operation: str, key: str, name: str) -> Callable[[Aws], Iterator[str]]:
    """What finds things of RDS by their tags, and gives their `name`."""

    def find(aws: Aws) -> Iterator[str]:
        for one in aws.every("rds", operation, key):
            arn = one[name.replace("Name", "Arn")]
            if aws.is_ours(aws["rds"].list_tags_for_resource(ResourceName=arn)["TagList"]):
                yield one[name]

    return find

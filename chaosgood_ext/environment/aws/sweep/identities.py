"""The environment's identities in IAM, which belongs to no region and whose things the tagging API never lists."""

from __future__ import annotations

from collections.abc import Iterator

from chaosgood_ext.environment.aws.asking import Aws


def roles(aws: Aws) -> Iterator[str]:
    """Names of the environment's roles."""
    for role in aws.every("iam", "list_roles", "Roles"):
        name = role["RoleName"]
        if name.startswith(f"{aws.game}-") and aws.is_ours(aws["iam"].list_role_tags(RoleName=name)["Tags"]):
            yield name


def delete_role(aws: Aws, name: str) -> None:
    """Delete a role with its own policies, and detach the others (a spent budget attaches one)."""
    iam = aws["iam"]
    for policy in aws.every("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for own in aws.every("iam", "list_role_policies", "PolicyNames", RoleName=name):
        iam.delete_role_policy(RoleName=name, PolicyName=own)
    iam.delete_role(RoleName=name)


def profiles(aws: Aws) -> Iterator[str]:
    """Names of the environment's instance profiles."""
    for profile in aws.every("iam", "list_instance_profiles", "InstanceProfiles"):
        name = profile["InstanceProfileName"]
        if name.startswith(f"{aws.game}-"):
            known = aws["iam"].get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
            if aws.is_ours(known.get("Tags")):
                yield name


def delete_profile(aws: Aws, name: str) -> None:
    """Delete an instance profile, out of which its role goes first."""
    iam = aws["iam"]
    for role in iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=name)


def policies(aws: Aws) -> Iterator[str]:
    """ARNs of the environment's policies."""
    for policy in aws.every("iam", "list_policies", "Policies", Scope="Local"):
        arn, named = policy["Arn"], policy["PolicyName"].startswith(f"{aws.game}-")
        if named and aws.is_ours(aws["iam"].list_policy_tags(PolicyArn=arn)["Tags"]):
            yield arn


def delete_policy(aws: Aws, arn: str) -> None:
    """Delete a policy with its earlier versions; IAM refuses while it is attached or somebody's boundary.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
    """
    iam = aws["iam"]
    for role in aws.every("iam", "list_entities_for_policy", "PolicyRoles", PolicyArn=arn, EntityFilter="Role"):
        iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=arn)
    for version in aws.every("iam", "list_policy_versions", "Versions", PolicyArn=arn):
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def providers(aws: Aws) -> Iterator[str]:
    """ARNs of the identity providers that the environment made; one that was there before carries no tag of it."""
    for one in aws["iam"].list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        arn = one["Arn"]
        told = aws["iam"].list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)
        if aws.is_ours(told["Tags"]):
            yield arn


def delete_provider(aws: Aws, arn: str) -> None:
    """Delete an identity provider."""
    aws["iam"].delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)

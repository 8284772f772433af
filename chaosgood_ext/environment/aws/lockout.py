"""The lockout: the policy that the budget's action attaches to the player's role when the budget is spent."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from chaosgood_ext.environment.aws.account import answering

_NOT_ALLOWED = ("AccessDenied", "AccessDeniedException")
REMEDY = "To let them in: `chaos aws unlock`."


def attached(session: Any, region: str, game: str, role: str) -> str:
    """The ARN of the lockout on the player's role; empty where there is none, no such role, or it may not be asked."""
    iam = session.client("iam", region_name=region)
    with answering("whether the player is locked out"):
        try:
            pages = list(iam.get_paginator("list_attached_role_policies").paginate(RoleName=role))
        except iam.exceptions.NoSuchEntityException:
            return ""
        except ClientError as refused:
            if refused.response["Error"]["Code"] in _NOT_ALLOWED:
                return ""
            raise
    policies = [policy for page in pages for policy in page["AttachedPolicies"]]
    return next((policy["PolicyArn"] for policy in policies if policy["PolicyName"] == f"{game}-lockout"), "")


def told(arn: str, role: str) -> str:
    """Who is locked out, and by what."""
    return f"The player is locked out: the day's budget is spent, and its action attached {arn} to the role {role}."


def let_in(session: Any, region: str, role: str, arn: str) -> None:
    """Detach the lockout `arn` from the player's role."""
    with answering("to let the player in"):
        session.client("iam", region_name=region).detach_role_policy(RoleName=role, PolicyArn=arn)

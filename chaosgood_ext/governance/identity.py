"""Who may do what: boundaries, keys, policies, sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from chaosgood_ext.governance.asking import Aws, Seen


def _roles(aws: Aws, prefix: str) -> Iterator[Mapping[str, Any]]:
    for role in aws.every("iam", "list_roles", "Roles"):
        if role["RoleName"].startswith(prefix):
            # A list leaves out the boundary. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html
            yield aws["iam"].get_role(RoleName=role["RoleName"])["Role"]


def boundaries(aws: Aws, prefix: str) -> Iterator[Seen]:
    """Every role whose name begins with `prefix` has a permissions boundary."""
    for role in _roles(aws, prefix):
        name = role["RoleName"]
        remedy = f"aws iam put-role-permissions-boundary --role-name {name} --permissions-boundary POLICY-ARN"
        yield Seen(f"role {name}", "" if role.get("PermissionsBoundary") else "has no permissions boundary", remedy)


def session_lengths(aws: Aws, prefix: str, most_s: int) -> Iterator[Seen]:
    """Sessions of roles whose names begin with `prefix` last `most_s` seconds at most, where not a service alone
    assumes them: an instance's, for one, last as long as EC2 wants.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html
    """
    for role in _roles(aws, prefix):
        if not _is_for_more_than_services(role):
            continue
        name, length = role["RoleName"], role["MaxSessionDuration"]
        remedy = f"aws iam update-role --role-name {name} --max-session-duration {max(most_s, 3600)}"
        yield Seen(f"role {name}", f"gives sessions of up to {length} s" if length > most_s else "", remedy)


def _is_for_more_than_services(role: Mapping[str, Any]) -> bool:
    trust = _read(role["AssumeRolePolicyDocument"])
    return any(one["Principal"] == "*" or set(one["Principal"]) - {"Service"} for one in _list(trust["Statement"]))


def user_keys(aws: Aws) -> Iterator[Seen]:
    """No IAM user of the account, and not its root user, has an active access key."""
    root = aws["iam"].get_account_summary()["SummaryMap"].get("AccountAccessKeysPresent", 0)
    yield Seen("the root user", "has an access key" if root else "", "delete it, signed in as root")
    for user in aws.every("iam", "list_users", "Users"):
        name = user["UserName"]
        keys = aws.every("iam", "list_access_keys", "AccessKeyMetadata", UserName=name)
        active = [key["AccessKeyId"] for key in keys if key["Status"] == "Active"]
        remedy = "; ".join(f"aws iam delete-access-key --user-name {name} --access-key-id {key}" for key in active)
        yield Seen(f"user {name}", f"has the active key {', '.join(active)}" if active else "", remedy)


def all_powerful(aws: Aws) -> Iterator[Seen]:
    """No policy of the account's own, managed or inside a role, user or group, allows everything on everything."""
    iam = aws["iam"]
    for policy in aws.every("iam", "list_policies", "Policies", Scope="Local"):
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        document = version["PolicyVersion"]["Document"]
        yield _judged(f"policy {policy['PolicyName']}", document, "aws iam create-policy-version with fewer actions")
    for kind in ("Role", "User", "Group"):
        word, within = kind.lower(), f"{kind}Name"
        for one in aws.every("iam", f"list_{word}s", f"{kind}s"):
            name = one[within]
            for key in aws.every("iam", f"list_{word}_policies", "PolicyNames", **{within: name}):
                known = getattr(iam, f"get_{word}_policy")(**{within: name}, PolicyName=key)
                remedy = f"aws iam delete-{word}-policy --{word}-name {name} --policy-name {key}"
                yield _judged(f"policy {key} of {word} {name}", known["PolicyDocument"], remedy)


def _judged(what: str, document: Any, remedy: str) -> Seen:
    return Seen(what, "allows every action on every resource" if _allows_all(document) else "", remedy)


def _allows_all(document: Any) -> bool:
    return any(
        one["Effect"] == "Allow"
        and ("NotAction" in one or {"*", "*:*"} & set(_list(one.get("Action"))))
        and ("NotResource" in one or "*" in _list(one.get("Resource")))
        for one in _list(_read(document)["Statement"])
    )


def _read(document: Any) -> Any:
    return json.loads(unquote(document)) if isinstance(document, str) else document


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]

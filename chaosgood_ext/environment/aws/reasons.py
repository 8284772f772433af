"""Why terraform failed, in words, and what to do about it."""

from __future__ import annotations

import re

from chaosgood_ext.environment.aws import quotas
from chaosgood_ext.environment.aws.account import BILLING, LOG_IN

_REGION = "us-east-1"
_GO_ON = "repeat the command; it goes on where it stopped"

_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"Unsupported state file format|state file could not be parsed|state snapshot was created by Terraform",
        "terraform's state cannot be read",
        "If a newer terraform wrote it, install that one. Else put terraform/terraform.tfstate.backup in its place; "
        "where that is broken too, move both away: `make aws-down` finds the environment without them.",
    ),
    (
        r"Error acquiring the state lock",
        "another terraform works on this environment, or one that died left its lock",
        "Wait for it; if there is none: terraform -chdir=terraform force-unlock {lock}.",
    ),
    (
        r"Required token could not be found|please run \"?terraform login|error validating your credentials|"
        r"Error: unauthorized",
        "HCP Terraform does not know you",
        "Log in there: terraform -chdir=terraform login.",
    ),
    (
        r"No valid credential sources|no EC2 IMDS role found|failed to refresh cached credentials|"
        r"failed to get shared config profile",
        "terraform finds no AWS credentials",
        LOG_IN,
    ),
    (
        r"ExpiredToken|token included in the request is expired|RequestExpired|SSO session has expired|"
        r"Your session has expired",
        "the AWS credentials expired",
        f"Log in again and {_GO_ON}.",
    ),
    (
        r"InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|AuthFailure",
        "AWS does not accept the credentials",
        "Log in again; check AWS_PROFILE.",
    ),
    (
        r"AWS account ID not allowed|AWS Account ID not allowed",
        "these are credentials of another account than the one that it was planned for",
        "Use the credentials of the account in terraform/aws.toml.",
    ),
    (
        r"not eligible for Free Tier|FreeTierRestrictionError|free plan account",
        "the account is on AWS's free plan, which lacks some of what the environment is made of",
        "Upgrade it to the paid plan (https://console.aws.amazon.com/billing/home#/account); credits stay. "
        f"Then {_GO_ON}.",
    ),
    (
        r"does not support creating load balancers",
        "AWS has not opened load balancers to this account yet, as happens to new ones",
        "Ask AWS Support for it (a case on accounts and billing is free): https://console.aws.amazon.com/support/home. "
        f"Then {_GO_ON}.",
    ),
    (
        r"PendingVerification|OptInRequired|SubscriptionRequiredException|not subscribed to this service|"
        r"account is currently being verified|account is currently blocked",
        "AWS has not finished opening this account",
        f"Wait for its mail, or ask AWS Support: https://console.aws.amazon.com/support/home. Then {_GO_ON}.",
    ),
    (
        r"[Ss]ervice[- ]linked role exists|Unable to assume the service linked role",
        "AWS was still making a role of its own, as it does in a new account",
        f"In a minute, {_GO_ON}.",
    ),
    *(
        (
            quota.refusal,
            f"the account's quota of {quota.name} is used up",
            f"Free what you do not need, or ask for more: {quota.page(_REGION)}. Then {_GO_ON}.",
        )
        for quota in quotas.ALL
    ),
    (
        r"LimitExceeded|QuotaExceeded|Quota exceeded|TooMany(?!Requests)\w+|maximum number of",
        "a quota of the account is used up",
        "Free what you do not need, or ask for more in the console under Service Quotas "
        f"(https://{_REGION}.console.aws.amazon.com/servicequotas/home); then {_GO_ON}.",
    ),
    (
        r"InsufficientInstanceCapacity|InsufficientDBInstanceCapacity|do not have sufficient \S+ capacity",
        "AWS has no such instances left in that zone just now",
        "Repeat the command in some minutes.",
    ),
    (
        r"not supported in your requested Availability Zone",
        "AWS has such instances in this region, but not in that zone of the account",
        "Name two zones that have them under availability_zones in chaosgood_ext/stack/topology.json; `make aws-down`, "
        "then build again. To see which: aws ec2 describe-instance-type-offerings --location-type availability-zone "
        f"--region {_REGION}.",
    ),
    (
        r"explicit deny in a service control policy|explicit deny in a resource control policy",
        f"a policy of the account's organization forbids that, maybe in the region {_REGION} at all",
        "Ask whoever runs the organization to allow it, or use an account that is not under that policy.",
    ),
    (
        r"AccessDenied\S*:? .*\bbudgets:",
        "the account's bills are for its root user alone, or the credentials may not make budgets",
        BILLING,
    ),
    (
        r"UnauthorizedOperation|AccessDenied|not authorized to perform",
        "the credentials may not do that, or a policy of the account's organization forbids it",
        "Use a role that may build all of it, such as AdministratorAccess in an account for games alone.",
    ),
    (
        r"Provider with url \S+ already exists",
        "the account has that identity provider already, and it can have no second one",
        "Repeat the command, which then uses it; without the wrapper, set ci_provider_arn.",
    ),
    (
        r"AlreadyExists|already exists|BucketAlreadyOwnedByYou|InvalidGroup\.Duplicate|DuplicateLoadBalancerName",
        "something of that name exists and is not in terraform's state",
        "It may be of a build whose state is lost: `make aws-down` removes all of that; then repeat the command.",
    ),
    (
        r"DependencyViolation|has dependencies and cannot be deleted|has a dependent object|DeleteConflict",
        "something that terraform did not make still uses what it deletes",
        "`make aws-down` removes what players made; then it tries again.",
    ),
    (
        r"Failed to query available provider packages|could not connect to registry|Failed to install provider|"
        r"Failed to request discovery document",
        "the AWS provider cannot be fetched, or HCP Terraform cannot be reached",
        "Check the network: terraform must reach its registry.",
    ),
    (
        r"timeout while waiting for state|timed out waiting|context deadline exceeded",
        "AWS took too long",
        "Repeat the command; it goes on where it stopped.",
    ),
    (
        r"no such host|dial tcp|connection refused|i/o timeout",
        "AWS cannot be reached",
        "Check the network, then repeat the command.",
    ),
)
_MOST = 300


def explain(output: str) -> tuple[str, str]:
    """Why terraform failed, in words, and what to do about it; for what is not known, its own last words.

    Terraform breaks its lines where a terminal would end, so they are joined before anything is looked for.
    """
    lines = [said for said in (line.strip("╷│╵ \t") for line in output.splitlines()) if said]
    text = " ".join(lines)
    for pattern, reason, remedy in _REASONS:
        if found := re.search(pattern, text):
            begin = max(text.rfind("Error: ", 0, found.end()), 0)
            lock = re.search(r"Lock Info: +ID: +(\S+)(?:.*?Who: +(\S+))?(?:.*?Created: +(\S+ [\d:]+))?", text)
            if lock and "{lock}" in remedy:
                return f"{reason} ({lock[2]}, since {lock[3]} UTC)", remedy.replace("{lock}", lock[1])
            return f"{reason} ({_short(text[begin:])})", remedy.replace("{lock}", "ID")
    said = next((line for line in lines if "Error" in line), lines[-1] if lines else "it said nothing")
    return _short(said), "Mend that and repeat the command; it goes on where it stopped."


def _short(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"

"""Why terraform failed, in our words."""

from __future__ import annotations

import pytest

from chaosgood_ext.environment.aws.reasons import explain

# As terraform and the AWS provider print them.
FAILURES = {
    "Error: No valid credential sources found\n\n  with provider[...]": ("no AWS credentials", "aws sso login"),
    "operation error STS: GetCallerIdentity, api error ExpiredToken: The security token included in the request is "
    "expired": ("expired", "goes on where it stopped"),
    "api error InvalidClientTokenId: The security token included in the request is invalid.": ("accept", "AWS_PROFILE"),
    "Error: AWS account ID not allowed: 210987654321": ("another account", "aws.toml"),
    "api error VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 1 allows": (
        "quota of vCPUs",
        "us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-1216C47A",
    ),
    "api error VpcLimitExceeded: The maximum number of VPCs has been reached.": ("of VPCs", "vpc/quotas/L-F678F1CE"),
    "creating EC2 Internet Gateway: api error InternetGatewayLimitExceeded: The maximum number of internet gateways "
    "has been reached.": ("of VPCs", "vpc/quotas/L-F678F1CE"),
    "creating ELBv2 application Load Balancer (chaosgood-edge): api error TooManyLoadBalancers: The maximum number of "
    "load balancers has been reached.": ("Load Balancers", "elasticloadbalancing/quotas/L-53DA6B97"),
    "creating RDS DB Instance (chaosgood): api error InstanceQuotaExceeded: Cannot create a DBInstance.": (
        "DB instances",
        "rds/quotas/L-7B6409FD",
    ),
    "creating IAM Role (chaosgood-web): api error LimitExceeded: Cannot exceed quota for RolesPerAccount: 1000": (
        "a quota",
        "servicequotas/home);",
    ),
    "api error OperationNotPermitted: This AWS account currently does not support creating load balancers. For more "
    "information, please contact AWS Support.": ("new ones", "AWS Support"),
    "waiting for Auto Scaling Group capacity satisfied: scaling activity: InvalidParameterCombination - The specified "
    "instance type is not eligible for Free Tier.": ("free plan", "paid plan"),
    "creating Budget (chaosgood-daily): operation error Budgets: CreateBudget, api error AccessDeniedException: User: "
    "arn:aws:sts::1:assumed-role/admin/ada is not authorized to perform: budgets:ModifyBudget": ("bills", "root user"),
    "creating ECS Service (shop): api error InvalidParameterException: Unable to assume the service linked role. "
    "Please verify that the ECS service linked role exists.": ("a new account", "In a minute"),
    "api error PendingVerification: Your request for accessing resources in this region is being validated": (
        "not finished",
        "mail",
    ),
    "api error UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:sts::1:x is not "
    "authorized to perform: ec2:CreateVpc with an explicit deny in a service control policy.": (
        "organization forbids",
        "region us-east-1",
    ),
    "╷\n│ Error: Required token could not be found\n│ \n│ Run the following command to generate a token for "
    "app.terraform.io:\n│     terraform login": ("HCP Terraform does not know you", "terraform login"),
    'Error: Failed to request discovery document: Get "https://app.terraform.io/.well-known/terraform.json": dial tcp: '
    "lookup app.terraform.io: no such host": ("cannot be reached", "network"),
    "Error: Retrieving AWS account details: AWS account ID not\nallowed: 210987654321": ("another account", "aws.toml"),
    "api error UnauthorizedOperation: You are not authorized to perform this operation.": ("may not", "role"),
    "Error: Error acquiring the state lock\n\nLock Info:\n  ID: 1234": ("another terraform", "force-unlock"),
    "api error EntityAlreadyExists: Role with name chaosgood-player already exists.": ("state is lost", "aws-down"),
    "creating IAM OIDC Provider: operation error IAM: CreateOpenIDConnectProvider, api error EntityAlreadyExists: "
    "Provider with url https://token.actions.githubusercontent.com already exists.": (
        "identity provider",
        "ci_provider_arn",
    ),
    "api error DependencyViolation: The vpc 'vpc-1' has dependencies and cannot be deleted.": (
        "did not make",
        "aws-down",
    ),
    "Error: Failed to query available provider packages\n\nCould not retrieve the list": ("provider", "network"),
    "waiting for ECS Service create: timeout while waiting for state to become 'tfSTABLE'": ("too long", "Repeat"),
    "dial tcp: lookup ec2.us-east-1.amazonaws.com: no such host": ("cannot be reached", "network"),
    "waiting for Auto Scaling Group capacity satisfied: timeout while waiting for state to become 'ok': 1 error "
    "occurred: scaling activity: Failed: You have requested more vCPU capacity than your current vCPU limit of 5 "
    "allows for the instance bucket": ("quota", "L-1216C47A"),
    "waiting for Auto Scaling Group capacity satisfied: scaling activity: Failed: We currently do not have sufficient "
    "t3.small capacity in the Availability Zone you requested (us-east-1a).": ("left", "minutes"),
    "creating EC2 Instance: operation error EC2: RunInstances, api error Unsupported: Your requested instance type "
    "(t3.micro) is not supported in your requested Availability Zone (us-east-1e). Please retry your request by not "
    "specifying an Availability Zone or choosing us-east-1a, us-east-1b.": ("not in that zone", "availability_zones"),
    "deleting IAM Policy: operation error IAM: DeletePolicy, api error DeleteConflict: Cannot delete a policy attached "
    "to entities.": ("did not make", "aws-down"),
    "api error InsufficientInstanceCapacity: We currently do not have sufficient t3.micro capacity": (
        "left",
        "minutes",
    ),
}


@pytest.mark.parametrize("output", FAILURES, ids=lambda output: output[:40])
def test_a_failure_is_a_sentence_and_what_to_do(output: str) -> None:
    reason, remedy = explain(output)
    words, advice = FAILURES[output]
    assert words in f"{reason} {remedy}"
    assert advice in f"{remedy} {reason}"


def test_a_failure_that_nobody_knows_is_told_in_terraforms_words() -> None:
    assert explain("╷\n│ Error: Something new\n│ \n│   on main.tf line 3\n╵")[0] == "Error: Something new"
    assert explain("")[0] == "it said nothing"
    assert len(explain(f"Error: {'x' * 10_000}")[0]) <= 300


LOCKED = """
Error: Error acquiring the state lock

Error message: resource temporarily unavailable
Lock Info:
  ID:        1c0b8f5e-1111-2222-3333-444455556666
  Path:      terraform.tfstate
  Operation: OperationTypeApply
  Who:       ada@laptop
  Version:   1.11.4
  Created:   2026-11-22 20:00:00.1 +0000 UTC
  Info:
"""


def test_a_lock_is_told_with_whose_it_is_and_how_to_break_it() -> None:
    reason, remedy = explain(LOCKED)
    assert "ada@laptop, since 2026-11-22 20:00:00 UTC" in reason
    assert remedy.endswith("force-unlock 1c0b8f5e-1111-2222-3333-444455556666.")


def test_throttling_is_no_quota() -> None:
    assert "quota" not in explain("api error TooManyRequestsException: Rate exceeded")[0]

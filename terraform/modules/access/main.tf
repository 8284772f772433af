# Who may do what. People come by a role (IAM Identity Center, `aws login`), never by an IAM user; hosts and tasks have a
# role each; nothing has more than its boundary.

locals {
  account_root = "arn:aws:iam::${var.account_id}:root"
  hosts        = toset(["web", "app", "monitoring", "workstation"])

  # The workstation works in the player's role.
  may_assume = length(var.facilitator_arns) == 0 ? [] : concat(
    var.facilitator_arns,
    ["arn:aws:iam::${var.account_id}:role/${var.name}-workstation", "arn:aws:iam::${var.account_id}:role/${var.name}-ci"],
  )

  people_trust = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      {
        Effect    = "Allow"
        Action    = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        Principal = { AWS = local.account_root }
      },
      length(local.may_assume) == 0 ? {} : { Condition = { ArnLike = { "aws:PrincipalArn" = local.may_assume } } },
    )]
  })

  service_trust = {
    for service in ["ec2", "ecs-tasks"] : service => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "${service}.amazonaws.com" }
      }]
    })
  }
}

resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-boundary"
  description = "What no role of the environment can exceed"
  policy      = var.policies.boundary
}

# -- people

resource "aws_iam_policy" "lockout" {
  name        = "${var.name}-lockout"
  description = "Denies everything; the budget attaches it to the player's role"
  policy      = var.policies.lockout
}

resource "aws_iam_role" "people" {
  for_each = var.roles

  name                 = each.value
  description          = each.key == "player" ? "Who repairs" : "Who breaks"
  assume_role_policy   = local.people_trust
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 3600

  # The budget attaches the lockout behind terraform's back. A destroy takes it off with the role, and the policy goes after
  # the role: IAM deletes neither while they are attached.
  force_detach_policies = true
  depends_on            = [aws_iam_policy.lockout]
}

resource "aws_iam_role_policy" "people" {
  for_each = var.roles

  name   = each.key
  role   = aws_iam_role.people[each.key].id
  policy = var.policies[each.key]
}

# -- hosts

resource "aws_iam_role" "host" {
  for_each = local.hosts

  name                 = "${var.name}-${each.key}"
  description          = "Hosts of the tier ${each.key}"
  assume_role_policy   = local.service_trust.ec2
  permissions_boundary = aws_iam_policy.boundary.arn
}

resource "aws_iam_role_policy" "host" {
  for_each = local.hosts

  name   = "instance"
  role   = aws_iam_role.host[each.key].id
  policy = var.policies.instance
}

resource "aws_iam_role_policy" "tier" {
  for_each = { for tier in local.hosts : tier => var.policies["instance-${tier}"] if contains(keys(var.policies), "instance-${tier}") }

  name   = each.key
  role   = aws_iam_role.host[each.key].id
  policy = each.value
}

resource "aws_iam_instance_profile" "host" {
  for_each = local.hosts

  name = "${var.name}-${each.key}"
  role = aws_iam_role.host[each.key].name

  # A host that boots may do at once what its tier does.
  depends_on = [aws_iam_role_policy.host, aws_iam_role_policy.tier]
}

# -- tasks

resource "aws_iam_role" "task" {
  for_each = { execution = "ECS agent: log and secret", task = "Tasks of the shop: ECS Exec" }

  name                 = "${var.name}-${each.key}"
  description          = each.value
  assume_role_policy   = local.service_trust.ecs-tasks
  permissions_boundary = aws_iam_policy.boundary.arn
}

resource "aws_iam_role_policy" "task" {
  for_each = aws_iam_role.task

  name   = each.key
  role   = each.value.id
  policy = var.policies[each.key]
}

# -- CI, by OpenID Connect: https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws

# An account can have one provider of an address, and another project may have made it.
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
resource "aws_iam_openid_connect_provider" "ci" {
  count = var.ci_repository == null || var.ci_provider_arn != null ? 0 : 1

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "ci" {
  count = var.ci_repository == null ? 0 : 1

  name                 = "${var.name}-ci"
  description          = "Workflows of ${var.ci_repository} that play games"
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = coalesce(var.ci_provider_arn, one(aws_iam_openid_connect_provider.ci[*].arn)) }
      Condition = {
        StringEquals = { "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com" }
        # Repositories made or renamed since July 2026 have the ids of owner and repository in it:
        # https://docs.github.com/actions/reference/security/oidc#immutable-subject-claims
        StringLike = {
          "token.actions.githubusercontent.com:sub" = [
            "repo:${var.ci_repository}:environment:chaosgood",
            "repo:${replace(var.ci_repository, "/", "@*/")}@*:environment:chaosgood",
          ]
        }
      }
    }]
  })
}

# A game undoes its faults as whoever plays it, so a workflow may do what the injector may.
resource "aws_iam_role_policy" "ci" {
  for_each = toset(var.ci_repository == null ? [] : ["ci", "injector"])

  name   = each.key
  role   = aws_iam_role.ci[0].id
  policy = var.policies[each.key]
}

# -- sessions

# https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html
locals {
  session_inputs = {
    cloudWatchLogGroupName      = var.session_group
    cloudWatchEncryptionEnabled = false
    cloudWatchStreamingEnabled  = true
    s3BucketName                = ""
    s3KeyPrefix                 = ""
    s3EncryptionEnabled         = false
    kmsKeyId                    = ""
    runAsEnabled                = false
    idleSessionTimeout          = "20"
    maxSessionDuration          = "60"
  }
}

resource "aws_ssm_document" "session" {
  name            = "${var.name}-session"
  document_type   = "Session"
  document_format = "JSON"
  content = jsonencode({
    schemaVersion = "1.0"
    description   = "A shell on a host of the environment, on the record"
    sessionType   = "Standard_Stream"
    inputs = merge(local.session_inputs, {
      shellProfile = { linux = "exec bash --rcfile /etc/chaosgood/bashrc -i" }
    })
  })
}

resource "aws_ssm_document" "command" {
  name            = "${var.name}-command"
  document_type   = "Session"
  document_format = "JSON"
  content = jsonencode({
    schemaVersion = "1.0"
    description   = "One command on a host of the environment, on the record"
    sessionType   = "InteractiveCommands"
    # Of a single command the agent sends the transcript when it has ended, whatever is said of streaming.
    inputs = local.session_inputs
    parameters = {
      command = {
        type           = "String"
        description    = "A line of shell, in base64"
        allowedPattern = "^[A-Za-z0-9+/]+={0,2}$"
      }
    }
    properties = {
      linux = {
        commands      = "exec bash /etc/chaosgood/command {{ command }}"
        runAsElevated = false
      }
    }
  })
}

resource "aws_key_pair" "this" {
  count = var.ssh_public_key == null ? 0 : 1

  key_name   = var.name
  public_key = var.ssh_public_key
}

# At its time to live the environment deletes what costs, whether or not anybody remembers it: one-shot schedules that call
# the AWS API, without a function in between. `terraform destroy` removes the rest. What could keep a thing from being
# deleted is switched off some minutes before, because schedules of one time run in no order.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html

locals {
  unprotected = merge(
    {
      "unprotect-database" = {
        api   = "rds:modifyDBInstance"
        input = { DbInstanceIdentifier = var.db_instance_identifier, DeletionProtection = false, ApplyImmediately = true }
      }
    },
    {
      for name in var.auto_scaling_group_names : "unprotect-${name}" => {
        api   = "autoscaling:updateAutoScalingGroup"
        input = { AutoScalingGroupName = name, DeletionProtection = "none" }
      }
    },
    {
      for index, arn in var.load_balancer_arns : "unprotect-load-balancer-${index}" => {
        api   = "elasticloadbalancingv2:modifyLoadBalancerAttributes"
        input = { LoadBalancerArn = arn, Attributes = [{ Key = "deletion_protection.enabled", Value = "false" }] }
      }
    },
  )

  deleted = merge(
    {
      "stop-service" = {
        api   = "ecs:updateService"
        input = { Cluster = var.ecs_cluster, Service = var.ecs_service, DesiredCount = 0 }
      }
      "delete-database" = {
        api   = "rds:deleteDBInstance"
        input = { DbInstanceIdentifier = var.db_instance_identifier, SkipFinalSnapshot = true, DeleteAutomatedBackups = true }
      }
      "terminate-hosts" = {
        api   = "ec2:terminateInstances"
        input = { InstanceIds = var.instance_ids }
      }
    },
    {
      for name in var.auto_scaling_group_names : "delete-${name}" => {
        api   = "autoscaling:deleteAutoScalingGroup"
        input = { AutoScalingGroupName = name, ForceDelete = true }
      }
    },
    {
      for index, arn in var.load_balancer_arns : "delete-load-balancer-${index}" => {
        api   = "elasticloadbalancingv2:deleteLoadBalancer"
        input = { LoadBalancerArn = arn }
      }
    },
  )

  steps = merge(
    { for name, step in local.unprotected : name => merge(step, { at = timeadd(var.expires_at, "-5m") }) },
    { for name, step in local.deleted : name => merge(step, { at = var.expires_at }) },
  )
}

resource "aws_iam_role" "this" {
  name                 = "${var.name}-lifetime"
  description          = "EventBridge Scheduler, at the end of the environment's time"
  permissions_boundary = aws_iam_policy.this.arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_policy" "this" {
  name        = "${var.name}-lifetime"
  description = "Deletes what costs"
  policy      = var.policy
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.this.arn
}

resource "aws_scheduler_schedule_group" "this" {
  name = "${var.name}-lifetime"
}

resource "aws_scheduler_schedule" "this" {
  for_each = local.steps

  name                         = each.key
  group_name                   = aws_scheduler_schedule_group.this.name
  description                  = "Once, at the end of the environment's time"
  schedule_expression          = "at(${formatdate("YYYY-MM-DD'T'hh:mm:ss", each.value.at)})"
  schedule_expression_timezone = "UTC"
  # A schedule that has run says that it has.
  action_after_completion = "NONE"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:aws:scheduler:::aws-sdk:${each.value.api}"
    role_arn = aws_iam_role.this.arn
    input    = jsonencode(each.value.input)

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 20
    }
  }

  depends_on = [aws_iam_role_policy_attachment.this]
}

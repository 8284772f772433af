# What somebody hears of when it becomes expensive. AWS reckons costs a few times a day, so this is the second line of
# defence; the first is the lifetime.

resource "aws_sns_topic" "this" {
  name = "${var.name}-costs"
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AwsTellsOfCosts"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

# A daily budget of costs takes actions as a monthly one does; what it cannot have is a forecast.
# https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-action-configure.html
# https://docs.aws.amazon.com/cost-management/latest/userguide/create-cost-budget.html
resource "aws_budgets_budget" "this" {
  name         = "${var.name}-daily"
  budget_type  = "COST"
  limit_unit   = "USD"
  limit_amount = tostring(var.budget_usd_per_day)
  time_unit    = "DAILY"

  notification {
    comparison_operator        = "GREATER_THAN"
    notification_type          = "ACTUAL"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alert_email]
  }
}

# -- over the budget, the player is locked out

resource "aws_iam_policy" "lock_out" {
  name        = "${var.name}-lock-out"
  description = "Attaches the lockout to the player's role, and does nothing else"
  policy      = var.policies["lock-out"]
}

resource "aws_iam_role" "lock_out" {
  name                 = "${var.name}-lock-out"
  description          = "AWS Budgets, when the budget is spent"
  permissions_boundary = aws_iam_policy.lock_out.arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "budgets.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "lock_out" {
  role       = aws_iam_role.lock_out.name
  policy_arn = aws_iam_policy.lock_out.arn
}

resource "aws_budgets_budget_action" "this" {
  budget_name        = aws_budgets_budget.this.name
  action_type        = "APPLY_IAM_POLICY"
  approval_model     = "AUTOMATIC"
  notification_type  = "ACTUAL"
  execution_role_arn = aws_iam_role.lock_out.arn

  action_threshold {
    action_threshold_type  = "PERCENTAGE"
    action_threshold_value = 100
  }

  definition {
    iam_action_definition {
      policy_arn = var.lockout_policy_arn
      roles      = [var.player_role_name]
    }
  }

  subscriber {
    subscription_type = "EMAIL"
    address           = var.alert_email
  }

  depends_on = [aws_iam_role_policy_attachment.lock_out]
}

# AWS/Billing exists in us-east-1 only, and only where the account receives billing alerts.
resource "aws_cloudwatch_metric_alarm" "billing" {
  alarm_name          = "${var.name}-billing"
  alarm_description   = "The month's estimated charges passed ten days' budget"
  namespace           = "AWS/Billing"
  metric_name         = "EstimatedCharges"
  dimensions          = { Currency = "USD" }
  statistic           = "Maximum"
  period              = 21600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.budget_usd_per_day * 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
}

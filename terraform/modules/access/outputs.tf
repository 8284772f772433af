output "role_arns" {
  description = "Roles of the player and of the injector."
  value       = { for key, role in aws_iam_role.people : key => role.arn }
}

output "lockout_policy_arn" {
  description = "What denies the player everything."
  value       = aws_iam_policy.lockout.arn
}

output "instance_profiles" {
  description = "Instance profile of each tier."
  value       = { for tier, profile in aws_iam_instance_profile.host : tier => profile.name }
}

output "execution_role_arn" {
  description = "Role of the ECS agent for the tasks."
  value       = aws_iam_role.task["execution"].arn
  depends_on  = [aws_iam_role_policy.task]
}

output "task_role_arn" {
  description = "Role of the tasks."
  value       = aws_iam_role.task["task"].arn
}

output "key_name" {
  description = "Key pair for SSH through Session Manager; null: none."
  value       = one(aws_key_pair.this[*].key_name)
}

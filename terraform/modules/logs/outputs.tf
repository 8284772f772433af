output "group_names" {
  description = "Name of each log group."
  value       = { for key, group in aws_cloudwatch_log_group.this : key => group.name }
}

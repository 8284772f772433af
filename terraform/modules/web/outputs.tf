output "auto_scaling_group_name" {
  description = "The auto scaling group."
  value       = aws_autoscaling_group.this.name
}

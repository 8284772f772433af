output "auto_scaling_group_name" {
  description = "The auto scaling group of the container instances."
  value       = aws_autoscaling_group.this.name
}

output "cluster_name" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "The service."
  value       = aws_ecs_service.this.name
}

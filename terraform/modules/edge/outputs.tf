output "load_balancers" {
  description = "Where each load balancer is."
  value = {
    for key, balancer in aws_lb.this : key => { arn = balancer.arn, dns_name = balancer.dns_name, zone_id = balancer.zone_id }
  }
}

# A service cannot be made for a target group that no listener uses yet.
output "target_group_arns" {
  description = "ARN of each target group."
  value       = { for key, group in aws_lb_target_group.this : key => group.arn }
  depends_on  = [aws_lb_listener.this]
}

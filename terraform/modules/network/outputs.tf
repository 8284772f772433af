output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

# Only with its route is a subnet of use: what boots there fetches its programs.
output "subnet_ids" {
  description = "Ids of each tier's subnets, in the order of the zones."
  value = {
    for tier, subnet in var.subnets : tier => [for zone in var.availability_zones : aws_subnet.this["${tier}-${zone}"].id]
  }
  depends_on = [aws_route.internet, aws_route_table_association.this]
}

output "security_group_ids" {
  description = "Id of each tier's security group."
  value       = { for tier, group in aws_security_group.this : tier => group.id }
}

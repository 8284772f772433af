output "database_names" {
  description = "Names of DB instances."
  value       = [for record in aws_route53_record.db_instance : record.fqdn]
}

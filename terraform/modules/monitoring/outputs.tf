output "instance_id" {
  description = "The host."
  value       = aws_instance.this.id
}

output "private_ip" {
  description = "Its address inside the VPC."
  value       = aws_instance.this.private_ip
}

output "identifier" {
  description = "Identifier of the DB instance."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "Its host name."
  value       = aws_db_instance.this.address
}

output "password_arn" {
  description = "Secret that holds its user and password as JSON."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

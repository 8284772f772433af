output "user_data" {
  description = "User data, as text."
  value       = local.script

  precondition {
    condition     = length(local.script) <= 16384
    error_message = "EC2 takes 16 KiB of user data."
  }
}

output "hook" {
  description = "Lifecycle hook that the end of the first boot completes."
  value       = local.hook
}

variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "region" {
  description = "Region of the environment."
  type        = string
}

variable "group" {
  description = "The auto scaling group; durations in seconds, groups and target groups by tier."
  type = object({
    instance_type             = string
    min_size                  = number
    max_size                  = number
    desired_capacity          = number
    security_groups           = list(string)
    health_check_type         = string
    health_check_grace_period = number
    target_groups             = list(string)
  })
}

variable "image_id" {
  description = "AMI of Debian 12."
  type        = string
}

variable "subnet_ids" {
  description = "The tier's subnets."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security group of each tier."
  type        = map(string)
}

variable "target_group_arns" {
  description = "Target group of each tier."
  type        = map(string)
}

variable "files" {
  description = "Files of each tier."
  type        = map(object({ url = string, hash = string, units = list(string) }))
}

variable "log_groups" {
  description = "Log group of each tier, and that of sessions."
  type        = map(string)
}

variable "instance_profile" {
  description = "Instance profile of the hosts."
  type        = string
}

variable "key_name" {
  description = "Key pair for SSH through Session Manager; null: none."
  type        = string
  nullable    = true
}

variable "tags" {
  description = "Tags of what the group makes, which the provider's default tags do not reach."
  type        = map(string)
}

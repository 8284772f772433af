variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "instance" {
  description = "The host; its groups by tier."
  type        = object({ instance_type = string, subnet = string, security_groups = list(string) })
}

variable "image_id" {
  description = "AMI of Debian 12."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of each tier."
  type        = map(list(string))
}

variable "security_group_ids" {
  description = "Security group of each tier."
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
  description = "Instance profile of the host."
  type        = string
}

variable "key_name" {
  description = "Key pair for SSH through Session Manager; null: none."
  type        = string
  nullable    = true
}

variable "tags" {
  description = "Tags of the volume, which the provider's default tags do not reach."
  type        = map(string)
}

variable "region" {
  description = "Region of the environment."
  type        = string
}

variable "player_role_arn" {
  description = "Role in which the AWS CLI works here."
  type        = string
}

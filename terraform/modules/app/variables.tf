variable "name" {
  description = "Prefix of every name."
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

variable "subnet_ids" {
  description = "Subnets of the container instances."
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

variable "region" {
  description = "Region of the environment."
  type        = string
}

variable "vpc_id" {
  description = "VPC where the tasks' names are known."
  type        = string
}

variable "ecs" {
  description = "Cluster, service and task; memory in MiB, CPU in 1/1024 vCPU, durations in seconds."
  type = object({
    cluster = string
    service = object({
      name                              = string
      desired_count                     = number
      target_group                      = string
      container_port                    = number
      min_capacity                      = number
      max_capacity                      = number
      health_check_grace_period_seconds = optional(number, 30)
    })
    task_definition = object({
      family       = string
      network_mode = string
      cpu          = number
      memory       = number
      container = object({
        name        = string
        image       = string
        command     = list(string)
        environment = map(string)
      })
    })
  })
}

variable "service_discovery" {
  description = "Where the tasks' addresses are published; time to live in seconds."
  type        = object({ namespace = string, service = string, ttl_s = number })
}

variable "execution_role_arn" {
  description = "Role by which the ECS agent fetches the secret and writes logs."
  type        = string
}

variable "task_role_arn" {
  description = "Role of the tasks."
  type        = string
}

variable "password_arn" {
  description = "Secret with the database's password."
  type        = string
}

variable "database_names" {
  description = "Names of the database in the private zone, which are there before the service is."
  type        = list(string)
}

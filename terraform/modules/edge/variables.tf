variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
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

variable "load_balancers" {
  description = "Load balancers, each with its only listener; durations in seconds."
  type = map(object({
    internal           = bool
    load_balancer_type = string
    subnet             = string
    security_groups    = list(string)
    idle_timeout       = number
    listener           = object({ port = number, protocol = string, target_group = string })
  }))
}

variable "target_groups" {
  description = "Target groups with their health checks; durations in seconds."
  type = map(object({
    port                 = number
    protocol             = string
    target_type          = string
    deregistration_delay = number
    health_check = object({
      path                = string
      matcher             = string
      interval            = number
      timeout             = number
      healthy_threshold   = number
      unhealthy_threshold = number
    })
  }))
}

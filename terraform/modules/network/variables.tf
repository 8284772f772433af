variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vpc" {
  description = "The VPC."
  type = object({
    cidr_block           = string
    enable_dns_support   = bool
    enable_dns_hostnames = bool
  })
}

variable "availability_zones" {
  description = "The two zones that every tier is in."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 2
    error_message = "A tier's block is halved, so there are two zones."
  }
}

variable "subnets" {
  description = "Block of addresses of each tier."
  type = map(object({
    cidr_block              = string
    map_public_ip_on_launch = optional(bool, false)
  }))
}

variable "security_groups" {
  description = "Rules of each tier's security group; `security_groups` in a rule names tiers."
  type = map(object({
    description = string
    ingress = list(object({
      description     = string
      protocol        = string
      from_port       = number
      to_port         = number
      cidr_blocks     = optional(list(string), [])
      security_groups = optional(list(string), [])
    }))
    egress = list(object({
      description     = string
      protocol        = string
      from_port       = number
      to_port         = number
      cidr_blocks     = optional(list(string), [])
      security_groups = optional(list(string), [])
    }))
  }))
}

variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "instance" {
  description = "The DB instance; storage in GiB, `vpc_security_group_ids` names tiers."
  type = object({
    identifier             = string
    engine                 = string
    engine_version         = string
    instance_class         = string
    allocated_storage      = number
    db_name                = string
    username               = string
    port                   = number
    vpc_security_group_ids = list(string)
    publicly_accessible    = bool
    storage_encrypted      = bool
    multi_az               = bool
    deletion_protection    = bool
  })
}

variable "availability_zone" {
  description = "Zone of the only instance."
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

variable "parameter_group" {
  description = "PostgreSQL's parameters."
  type = object({
    family      = string
    description = string
    parameters  = list(object({ name = string, value = string, apply_method = string }))
  })
}

variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "account_id" {
  description = "Account of the environment."
  type        = string
}

variable "expires_at" {
  description = "End of the environment's time, in UTC (RFC 3339)."
  type        = string
}

variable "policy" {
  description = "What the schedules may do."
  type        = string
}

variable "auto_scaling_group_names" {
  description = "Groups to delete with their hosts."
  type        = list(string)
}

variable "instance_ids" {
  description = "Hosts to terminate."
  type        = list(string)
}

variable "load_balancer_arns" {
  description = "Load balancers to delete."
  type        = list(string)
}

variable "db_instance_identifier" {
  description = "Database to delete, without a snapshot."
  type        = string
}

variable "ecs_cluster" {
  description = "Cluster of the service."
  type        = string
}

variable "ecs_service" {
  description = "Service to scale to zero."
  type        = string
}

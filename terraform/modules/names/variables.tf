variable "zone" {
  description = "Private zone, and what each of its records points to: `load_balancer:edge`, `instance:monitoring`."
  type        = object({ name = string, records = map(string) })
}

variable "vpc_id" {
  description = "The VPC where the names are known."
  type        = string
}

variable "load_balancers" {
  description = "Where each load balancer is."
  type        = map(object({ dns_name = string, zone_id = string }))
}

variable "db_instances" {
  description = "Host name of each DB instance."
  type        = map(string)
}

variable "instances" {
  description = "Private address of each instance."
  type        = map(string)
}

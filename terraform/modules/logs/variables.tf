variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "region" {
  description = "Region of the environment."
  type        = string
}

variable "account_id" {
  description = "Account of the environment."
  type        = string
}

variable "vpc_id" {
  description = "VPC whose flows are logged."
  type        = string
}

variable "groups" {
  description = "Log group of each tier, and that of sessions."
  type        = map(string)
}

variable "policies" {
  description = "Policies of `stack/policies/` by their file's name."
  type        = map(string)
}

variable "retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 3
}

variable "name" {
  description = "Prefix of every name."
  type        = string
}


variable "account_id" {
  description = "Account of the environment; part of the bucket's name, which is unique in the world."
  type        = string
}

variable "stack" {
  description = "Folder of the stack."
  type        = string
}

variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "account_id" {
  description = "Account of the environment."
  type        = string
}

variable "roles" {
  description = "Names of the player's and the injector's role."
  type        = map(string)
}

variable "policies" {
  description = "Policies of `stack/policies/` by their file's name."
  type        = map(string)
}

variable "facilitator_arns" {
  description = "Patterns of the ARNs that may take the player's and the injector's role; empty: whoever the account lets."
  type        = list(string)
}

variable "ci_repository" {
  description = "GitHub repository whose workflows may play games; null: none."
  type        = string
  nullable    = true
}

variable "ci_provider_arn" {
  description = "The account's identity provider for GitHub, where another project made it; null: make one."
  type        = string
  nullable    = true
}

variable "ssh_public_key" {
  description = "Public key for SSH through Session Manager; null: no SSH."
  type        = string
  nullable    = true
}

variable "session_group" {
  description = "Log group of sessions."
  type        = string
}

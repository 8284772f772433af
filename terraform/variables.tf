variable "account_id" {
  description = "Account to build in. The provider refuses every other one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account id has twelve digits."
  }
}

# Whether it is in the past is not checked here: an environment that has expired must still be destroyable.
variable "expires_at" {
  description = "When what costs money deletes itself, in UTC, as in 2026-11-22T18:00:00Z."
  type        = string

  validation {
    condition     = can(regex("Z$", var.expires_at)) && can(formatdate("YYYY", var.expires_at))
    error_message = "Give a time in UTC, as in 2026-11-22T18:00:00Z."
  }
}

variable "alert_email" {
  description = "Who hears of the budget and of the billing alarm."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", var.alert_email))
    error_message = "Give an e-mail address."
  }
}

variable "facilitator_arns" {
  description = "Patterns of the ARNs that may take the player's and the injector's role; empty: whoever the account lets."
  type        = list(string)
  default     = []
}

variable "budget_usd_per_day" {
  description = "What the account may cost a day before somebody is told and the player is locked out."
  type        = number
  default     = 10

  validation {
    condition     = var.budget_usd_per_day > 0
    error_message = "The budget must be more than nothing."
  }
}

variable "ci_repository" {
  description = "GitHub repository whose workflows may play games through OpenID Connect, as owner/name, or with GitHub's ids as owner@1/name@2; null: none."
  type        = string
  default     = null
  nullable    = true

  validation {
    condition     = var.ci_repository == null || can(regex("^[[:word:].-]+(@[0-9]+)?/[[:word:].-]+(@[0-9]+)?$", var.ci_repository))
    error_message = "Give a repository as owner/name."
  }
}

variable "debian_image_id" {
  description = "AMI of Debian 12 (amd64); null: the one that Debian published last."
  type        = string
  default     = null
  nullable    = true

  validation {
    condition     = var.debian_image_id == null || can(regex("^ami-([0-9a-f]{8}|[0-9a-f]{17})$", var.debian_image_id))
    error_message = "Give the id of an AMI, as in ami-0123456789abcdef0."
  }
}

variable "ci_provider_arn" {
  description = "The account's identity provider for GitHub, where another project made it; null: make one."
  type        = string
  default     = null
  nullable    = true

  validation {
    condition     = var.ci_provider_arn == null || can(regex("^arn:aws:iam::[0-9]{12}:oidc-provider/token[.]actions[.]githubusercontent[.]com$", var.ci_provider_arn))
    error_message = "Give the ARN of the identity provider token.actions.githubusercontent.com."
  }
}

variable "ssh_public_key" {
  description = "Public key for SSH through Session Manager, which `make aws-up` makes for each environment; null: no SSH."
  type        = string
  default     = null
  nullable    = true
}

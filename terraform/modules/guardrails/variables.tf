variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "account_id" {
  description = "Account of the environment."
  type        = string
}

variable "alert_email" {
  description = "Who hears of it."
  type        = string
}

variable "budget_usd_per_day" {
  description = "What the account may cost a day, in US dollars."
  type        = number
}

variable "policies" {
  description = "Policies of `stack/policies/` by their file's name."
  type        = map(string)
}

variable "lockout_policy_arn" {
  description = "What the player's role gets when the budget is spent."
  type        = string
}

variable "player_role_name" {
  description = "Role that is locked out."
  type        = string
}

variable "tier" {
  description = "Tier of the host."
  type        = string
}

variable "system" {
  description = "What the AMI holds: debian (Debian 12) or amazon (Amazon Linux 2023 for ECS)."
  type        = string

  validation {
    condition     = contains(["debian", "amazon"], var.system)
    error_message = "The system is debian or amazon."
  }
}

variable "files" {
  description = "Folders of the stack that are laid over `/`, in this order, by their tier."
  type        = map(object({ url = string, hash = string, units = list(string) }))
}

variable "packages" {
  description = "Packages to install."
  type        = list(string)
  default     = []
}

variable "logs" {
  description = "Log files to ship, each with its log group."
  type        = map(string)
}

variable "prepare" {
  description = "Shell commands before the units start."
  type        = string
  default     = ""
}

variable "region" {
  description = "Region of the environment."
  type        = string
}

variable "auto_scaling_group" {
  description = "The group that waits for the end of the first boot, by the hook `hook`; null: none."
  type        = string
  default     = null
  nullable    = true
}

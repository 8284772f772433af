terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7.0"
    }
  }
}

provider "aws" {
  region              = local.topology.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

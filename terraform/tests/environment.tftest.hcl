# The whole configuration, evaluated and applied to a provider that makes everything up: no account, no network.

mock_provider "aws" {
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }

  mock_resource "aws_vpc" {
    defaults = { id = "vpc-0123456789abcdef0" }
  }

  mock_resource "aws_db_instance" {
    defaults = {
      address            = "chaosgood.cvtest.us-east-1.rds.amazonaws.com"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:us-east-1:210987654321:secret:rds!db-1" }]
    }
  }
}

variables {
  account_id       = "210987654321"
  expires_at       = "2026-11-22T18:30:00Z"
  alert_email      = "facilitator@example.com"
  facilitator_arns = ["arn:aws:iam::210987654321:role/aws-reserved/sso.amazonaws.com/*"]
}

# First, because only an account with nothing in it leaves to be known what AWS alone can tell.
run "planned_with_everything_that_is_optional" {
  command = plan

  variables {
    facilitator_arns = []
    ci_repository    = "example/chaotic-good"
    ssh_public_key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample facilitator"
    debian_image_id  = "ami-0fedcba9876543210"
  }

  assert {
    condition     = module.access.key_name == "chaosgood"
    error_message = "A public key makes a key pair."
  }

  assert {
    condition     = local.debian_image_id == "ami-0fedcba9876543210"
    error_message = "An image that is named is taken instead of the newest."
  }
}

run "the_accounts_identity_provider_is_used" {
  command = plan

  variables {
    ci_repository   = "example/chaotic-good"
    ci_provider_arn = "arn:aws:iam::210987654321:oidc-provider/token.actions.githubusercontent.com"
  }
}

run "applied" {
  command = apply

  assert {
    condition     = local.tags == { project = "chaosgood", game = "chaosgood", expires-at = "2026-11-22T18:30:00Z" }
    error_message = "The tags that the provider gives to everything are not as they should be."
  }
}

run "prolonged" {
  command = plan

  variables {
    expires_at = "2026-11-22T20:30:00Z"
  }
}

run "applied_with_a_repository" {
  command = apply

  variables {
    ci_repository = "example/chaotic-good"
  }
}

run "an_expired_environment_can_be_planned_and_so_destroyed" {
  command = plan

  variables {
    expires_at = "2001-01-01T00:00:00Z"
  }
}

run "refuses_an_identity_provider_of_somebody_else" {
  command         = plan
  expect_failures = [var.ci_provider_arn]

  variables {
    ci_provider_arn = "arn:aws:iam::210987654321:oidc-provider/example.com"
  }
}

run "refuses_what_is_no_account_no_time_no_address_no_budget_no_image_and_no_repository" {
  command         = plan
  expect_failures = [var.account_id, var.expires_at, var.alert_email, var.budget_usd_per_day, var.debian_image_id, var.ci_repository]

  variables {
    account_id         = "21098765432"
    expires_at         = "in two hours"
    alert_email        = "nobody"
    budget_usd_per_day = 0
    debian_image_id    = "debian-12"
    ci_repository      = "example/*"
  }
}

run "refuses_a_time_that_is_not_in_utc" {
  command         = plan
  expect_failures = [var.expires_at]

  variables {
    expires_at = "2026-11-22T18:30:00+02:00"
  }
}

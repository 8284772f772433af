# State and runs in HCP Terraform: copy this file to terraform/ and fill it in.
terraform {
  cloud {
    organization = "your-organization"

    workspaces {
      name = "chaosgood"
    }
  }
}

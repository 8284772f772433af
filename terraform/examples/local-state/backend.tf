# State in a file outside the clone: copy this file to terraform/. Without it the state is terraform/terraform.tfstate.
terraform {
  backend "local" {
    path = "../../chaosgood.tfstate"
  }
}

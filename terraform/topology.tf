# The contract with the twin, which builds the same from the same files.
locals {
  stack    = "${path.module}/../chaosgood_ext/stack"
  topology = jsondecode(file("${local.stack}/topology.json"))
  name     = local.topology.name

  tags = merge(local.topology.tags, {
    game         = local.name
    "expires-at" = var.expires_at
  })

  # Written for the account and the VPC that the twin plays; nothing else in them differs.
  policies = {
    for path in fileset(local.stack, "policies/*.json") : trimsuffix(basename(path), ".json") => replace(
      replace(file("${local.stack}/${path}"), "123456789012", var.account_id),
      "vpc/vpc-chaosgood", "vpc/${module.network.vpc_id}",
    )
  }
}

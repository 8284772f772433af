# The image of every host but the container instances.
data "aws_ssm_parameter" "debian" {
  count = var.debian_image_id == null ? 1 : 0

  name = "/aws/service/debian/release/12/latest/amd64"
}

locals {
  debian_image_id = coalesce(var.debian_image_id, one(data.aws_ssm_parameter.debian[*].insecure_value))
}

module "network" {
  source = "./modules/network"

  name               = local.name
  vpc                = local.topology.vpc
  availability_zones = local.topology.availability_zones
  subnets            = local.topology.subnets
  security_groups    = local.topology.security_groups
}

module "logs" {
  source = "./modules/logs"

  name       = local.name
  region     = local.topology.region
  account_id = var.account_id
  vpc_id     = module.network.vpc_id
  groups     = local.topology.log_groups
  policies   = local.policies
}

module "files" {
  source = "./modules/files"

  name       = local.name
  account_id = var.account_id
  stack      = local.stack
}

module "access" {
  source = "./modules/access"

  name             = local.name
  account_id       = var.account_id
  roles            = local.topology.roles
  policies         = local.policies
  facilitator_arns = var.facilitator_arns
  ci_repository    = var.ci_repository
  ci_provider_arn  = var.ci_provider_arn
  ssh_public_key   = var.ssh_public_key
  session_group    = module.logs.group_names.sessions
}

module "edge" {
  source = "./modules/edge"

  name               = local.name
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.subnet_ids
  security_group_ids = module.network.security_group_ids
  load_balancers     = local.topology.load_balancers
  target_groups      = local.topology.target_groups
}

module "database" {
  source = "./modules/database"

  name               = local.name
  instance           = local.topology.db_instances.database
  availability_zone  = local.topology.availability_zones[0]
  subnet_ids         = module.network.subnet_ids[local.topology.db_instances.database.subnet]
  security_group_ids = module.network.security_group_ids
  parameter_group    = jsondecode(file("${local.stack}/database/parameter-group.json"))

  # Otherwise RDS makes the group itself: without tags, and it would stay.
  depends_on = [module.logs]
}

module "web" {
  source = "./modules/web"

  name               = local.name
  region             = local.topology.region
  group              = local.topology.auto_scaling_groups.web
  image_id           = local.debian_image_id
  subnet_ids         = module.network.subnet_ids[local.topology.auto_scaling_groups.web.subnet]
  security_group_ids = module.network.security_group_ids
  target_group_arns  = module.edge.target_group_arns
  files              = module.files.tiers
  log_groups         = module.logs.group_names
  instance_profile   = module.access.instance_profiles.web
  key_name           = module.access.key_name
  tags               = local.tags
}

module "app" {
  source = "./modules/app"

  name               = local.name
  region             = local.topology.region
  group              = local.topology.auto_scaling_groups.app
  ecs                = local.topology.ecs
  service_discovery  = local.topology.service_discovery
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.subnet_ids[local.topology.auto_scaling_groups.app.subnet]
  security_group_ids = module.network.security_group_ids
  target_group_arns  = module.edge.target_group_arns
  files              = module.files.tiers
  log_groups         = module.logs.group_names
  instance_profile   = module.access.instance_profiles.app
  execution_role_arn = module.access.execution_role_arn
  task_role_arn      = module.access.task_role_arn
  password_arn       = module.database.password_arn
  database_names     = module.names.database_names
  key_name           = module.access.key_name
  tags               = local.tags
}

module "monitoring" {
  source = "./modules/monitoring"

  name               = local.name
  region             = local.topology.region
  instance           = local.topology.instances.monitoring
  image_id           = local.debian_image_id
  subnet_ids         = module.network.subnet_ids
  security_group_ids = module.network.security_group_ids
  files              = module.files.tiers
  log_groups         = module.logs.group_names
  instance_profile   = module.access.instance_profiles.monitoring
  password_arn       = module.database.password_arn
  key_name           = module.access.key_name
  tags               = local.tags
}

module "workstation" {
  source = "./modules/workstation"

  name               = local.name
  region             = local.topology.region
  instance           = local.topology.instances.workstation
  image_id           = local.debian_image_id
  subnet_ids         = module.network.subnet_ids
  security_group_ids = module.network.security_group_ids
  files              = module.files.tiers
  log_groups         = module.logs.group_names
  instance_profile   = module.access.instance_profiles.workstation
  player_role_arn    = module.access.role_arns.player
  key_name           = module.access.key_name
  tags               = local.tags
}

module "names" {
  source = "./modules/names"

  zone   = local.topology.private_zone
  vpc_id = module.network.vpc_id
  load_balancers = {
    for key, balancer in module.edge.load_balancers : key => { dns_name = balancer.dns_name, zone_id = balancer.zone_id }
  }
  db_instances = { database = module.database.address }
  instances    = { monitoring = module.monitoring.private_ip, workstation = module.workstation.private_ip }
}

module "guardrails" {
  source = "./modules/guardrails"

  name               = local.name
  account_id         = var.account_id
  alert_email        = var.alert_email
  budget_usd_per_day = var.budget_usd_per_day
  policies           = local.policies
  lockout_policy_arn = module.access.lockout_policy_arn
  player_role_name   = local.topology.roles.player

  depends_on = [module.access]
}

module "lifetime" {
  source = "./modules/lifetime"

  name       = local.name
  account_id = var.account_id
  expires_at = var.expires_at
  policy     = local.policies.lifetime

  auto_scaling_group_names = [module.web.auto_scaling_group_name, module.app.auto_scaling_group_name]
  instance_ids             = [module.monitoring.instance_id, module.workstation.instance_id]
  load_balancer_arns       = [for balancer in module.edge.load_balancers : balancer.arn]
  db_instance_identifier   = module.database.identifier
  ecs_cluster              = module.app.cluster_name
  ecs_service              = module.app.service_name
}

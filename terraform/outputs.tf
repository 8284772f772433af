# As `schemas/environment.schema.json` has it: scenarios and games know nothing else of where they are played.
output "environment" {
  description = "Outputs of the environment."
  value = {
    schema_version = 1
    kind           = "aws"
    name           = local.name
    region         = local.topology.region
    account_id     = var.account_id
    endpoint_url   = null

    resources = merge(
      { vpc_id = module.network.vpc_id },
      { for tier, id in module.network.security_group_ids : "${tier}_security_group_id" => id },
      { for tier, ids in module.network.subnet_ids : "${tier}_subnet_ids" => join(",", ids) },
      { for tier, balancer in module.edge.load_balancers : "${tier}_load_balancer_arn" => balancer.arn },
      { for tier, arn in module.edge.target_group_arns : "${tier}_target_group_arn" => arn },
      { for key, group in module.logs.group_names : "${key}_log_group_name" => group },
      { for key, arn in module.access.role_arns : "${key}_role_arn" => arn },
      {
        web_auto_scaling_group_name = module.web.auto_scaling_group_name
        app_auto_scaling_group_name = module.app.auto_scaling_group_name
        ecs_cluster_name            = module.app.cluster_name
        ecs_service_name            = module.app.service_name
        db_instance_identifier      = module.database.identifier
        database_endpoint           = module.database.address
        monitoring_instance_id      = module.monitoring.instance_id
        workstation_instance_id     = module.workstation.instance_id
      },
    )

    urls = {
      application  = { url = "http://${module.edge.load_balancers.edge.dns_name}", access = "direct" }
      prometheus   = { url = "http://127.0.0.1:9090", access = "session-manager" }
      alertmanager = { url = "http://127.0.0.1:9093", access = "session-manager" }
      dashboards   = { url = "http://127.0.0.1:3000", access = "session-manager" }
    }

    timing = {
      time_scale       = 1
      hold_window_s    = local.topology.timing.hold_window_s.aws
      time_limit_scale = local.topology.timing.time_limit_scale.aws
    }
  }
}

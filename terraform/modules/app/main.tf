# The application tier: an ECS service in bridge mode on container instances, which build the image from the stack's own
# files when they boot, so that no registry and no Docker on the facilitator's machine is needed.

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
}

locals {
  name      = "${var.name}-app"
  container = var.ecs.task_definition.container

  metadata = { http_endpoint = "enabled", http_tokens = "required", http_put_response_hop_limit = 1 }
  # As large as the AMI's own.
  disk = { volume_size = 30, volume_type = "gp3", encrypted = true }

  # Hosts are made anew when this changes, and not when their tags or the newest image do.
  made_of = sha256(jsonencode([
    module.host.user_data, var.group.instance_type, var.group.security_groups, var.key_name, var.instance_profile,
    local.metadata, local.disk,
  ]))
}

module "host" {
  source = "../host"

  tier               = "app"
  region             = var.region
  system             = "amazon"
  auto_scaling_group = local.name
  files              = { common = var.files.common, shop = var.files.shop }
  logs               = { "/var/log/session.log" = var.log_groups.sessions }

  prepare = <<-SH
    cat >>/etc/ecs/ecs.config <<'CONF'
    ECS_CLUSTER=${var.ecs.cluster}
    ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
    CONF
    retry docker build --tag ${local.container.image} /opt/shop
    # The node exporter of Debian 12 in its makers' own build, which needs no library.
    id prometheus || useradd --system --no-create-home --shell /sbin/nologin prometheus
    retry docker create --name figures quay.io/prometheus/node-exporter:v1.5.0
    docker cp figures:/bin/node_exporter /usr/bin/prometheus-node-exporter
    docker rm figures
  SH
}

resource "aws_launch_template" "this" {
  name                   = "${local.name}-${substr(local.made_of, 0, 8)}"
  image_id               = data.aws_ssm_parameter.image.insecure_value
  instance_type          = var.group.instance_type
  key_name               = var.key_name
  vpc_security_group_ids = [for tier in var.group.security_groups : var.security_group_ids[tier]]
  user_data              = base64encode(module.host.user_data)
  update_default_version = true

  iam_instance_profile {
    name = var.instance_profile
  }

  metadata_options {
    http_endpoint               = local.metadata.http_endpoint
    http_tokens                 = local.metadata.http_tokens
    http_put_response_hop_limit = local.metadata.http_put_response_hop_limit
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = local.disk.volume_size
      volume_type           = local.disk.volume_type
      encrypted             = local.disk.encrypted
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]
    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = local.name, tier = "app" })
    }
  }

  tags = { tier = "app" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_autoscaling_group" "this" {
  name                      = local.name
  min_size                  = var.group.min_size
  max_size                  = var.group.max_size
  desired_capacity          = var.group.desired_capacity
  vpc_zone_identifier       = var.subnet_ids
  health_check_type         = var.group.health_check_type
  health_check_grace_period = var.group.health_check_grace_period
  target_group_arns         = [for key in var.group.target_groups : var.target_group_arns[key]]
  force_delete              = true

  # Apply goes on when tasks could be placed, or says that they cannot.
  wait_for_capacity_timeout = "15m"

  # The provider refreshes a group when this block changes: another template does that, another version does not.
  # https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/autoscaling_group
  launch_template {
    id      = aws_launch_template.this.id
    version = "$Latest"
  }

  # A host is in service when its first boot has ended; health checks and their grace period begin then.
  initial_lifecycle_hook {
    name                 = module.host.hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 900
    default_result       = "ABANDON"
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      # The new host is in service before the old one goes.
      min_healthy_percentage       = 100
      max_healthy_percentage       = 150
      instance_warmup              = 30
      scale_in_protected_instances = "Refresh"
      standby_instances            = "Terminate"
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = local.name, tier = "app" })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  # A container instance joins the cluster by its name.
  depends_on = [aws_ecs_cluster.this]
}

resource "aws_ecs_cluster" "this" {
  name = var.ecs.cluster

  configuration {
    execute_command_configuration {
      logging = "OVERRIDE"

      log_configuration {
        cloud_watch_log_group_name = var.log_groups.sessions
      }
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.ecs.task_definition.family
  network_mode             = var.ecs.task_definition.network_mode
  requires_compatibilities = ["EC2"]
  cpu                      = var.ecs.task_definition.cpu
  memory                   = var.ecs.task_definition.memory
  execution_role_arn       = var.execution_role_arn
  task_role_arn            = var.task_role_arn

  container_definitions = jsonencode([{
    name      = local.container.name
    image     = local.container.image
    command   = local.container.command
    cpu       = var.ecs.task_definition.cpu
    memory    = var.ecs.task_definition.memory
    essential = true

    portMappings = [{ containerPort = var.ecs.service.container_port, hostPort = 0, protocol = "tcp" }]
    # Sorted, because ECS answers sorted and everything else is a change in terraform's eyes.
    environment = [
      for variable, value in merge(local.container.environment, { PORT = tostring(var.ecs.service.container_port) }) :
      { name = variable, value = value }
    ]
    secrets = [{ name = "DATABASE_PASSWORD", valueFrom = "${var.password_arn}:password::" }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = var.log_groups.app
        "awslogs-region"        = var.region
        "awslogs-stream-prefix" = local.container.name
      }
    }
  }])
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = var.service_discovery.namespace
  description = "Tasks, for Prometheus"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "this" {
  name          = var.service_discovery.service
  force_destroy = true

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "SRV"
      ttl  = var.service_discovery.ttl_s
    }
  }

  # ECS tells of its tasks' health. The provider warns of the threshold, which AWS knows as 1 only, but leaves the whole
  # block out without it: https://github.com/hashicorp/terraform-provider-aws/issues/44285
  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_ecs_service" "this" {
  name                              = var.ecs.service.name
  cluster                           = aws_ecs_cluster.this.arn
  task_definition                   = aws_ecs_task_definition.this.arn
  desired_count                     = var.ecs.service.desired_count
  launch_type                       = "EC2"
  health_check_grace_period_seconds = var.ecs.service.health_check_grace_period_seconds
  enable_execute_command            = true
  enable_ecs_managed_tags           = true
  propagate_tags                    = "SERVICE"
  force_delete                      = true
  # Apply ends when the shop runs, or says that it does not.
  wait_for_steady_state = true

  load_balancer {
    target_group_arn = var.target_group_arns[var.ecs.service.target_group]
    container_name   = local.container.name
    container_port   = var.ecs.service.container_port
  }

  service_registries {
    registry_arn   = aws_service_discovery_service.this.arn
    container_name = local.container.name
    container_port = var.ecs.service.container_port
  }

  ordered_placement_strategy {
    type  = "spread"
    field = "instanceId"
  }

  tags = { tier = "app" }

  # A task that asks for a name before it is there may be told for minutes that there is none: Route 53 has resolvers keep
  # that as long as the zone's SOA record says.
  # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html
  depends_on = [aws_autoscaling_group.this, var.database_names]
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.ecs.service.min_capacity
  max_capacity       = var.ecs.service.max_capacity
}

resource "aws_appautoscaling_policy" "this" {
  name               = "${var.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 70
    scale_in_cooldown  = 120
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

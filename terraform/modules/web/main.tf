# The web tier: nginx on an auto scaling group of Debian hosts.

locals {
  name = "${var.name}-web"

  metadata = { http_endpoint = "enabled", http_tokens = "required", http_put_response_hop_limit = 1 }
  disk     = { volume_size = 8, volume_type = "gp3", encrypted = true }

  # Hosts are made anew when this changes, and not when their tags or the newest image do.
  made_of = sha256(jsonencode([
    module.host.user_data, var.group.instance_type, var.group.security_groups, var.key_name, var.instance_profile,
    local.metadata, local.disk,
  ]))
}

module "host" {
  source = "../host"

  tier               = "web"
  region             = var.region
  system             = "debian"
  auto_scaling_group = local.name
  files              = { common = var.files.common, web = var.files.web }
  packages           = ["mtail", "nginx", "prometheus-nginx-exporter", "prometheus-node-exporter"]
  logs = {
    "/var/log/nginx/access.log" = var.log_groups.web
    "/var/log/nginx/error.log"  = var.log_groups.web
    "/var/log/session.log"      = var.log_groups.sessions
  }
}

resource "aws_launch_template" "this" {
  name                   = "${local.name}-${substr(local.made_of, 0, 8)}"
  image_id               = var.image_id
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
      tags          = merge(var.tags, { Name = local.name, tier = "web" })
    }
  }

  tags = { tier = "web" }

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

  # Apply ends when customers could be served, or says that they cannot.
  min_elb_capacity          = var.group.desired_capacity
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
    for_each = merge(var.tags, { Name = local.name, tier = "web" })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}

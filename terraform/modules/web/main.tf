# The web tier: nginx on an auto scaling group of Debian hosts.

module "host" {
  source = "../host"

  tier     = "web"
  system   = "debian"
  files    = { common = var.files.common, web = var.files.web }
  packages = ["mtail", "nginx", "prometheus-nginx-exporter", "prometheus-node-exporter"]
  logs = {
    "/var/log/nginx/access.log" = var.log_groups.web
    "/var/log/nginx/error.log"  = var.log_groups.web
    "/var/log/session.log"      = var.log_groups.sessions
  }
}

resource "aws_launch_template" "this" {
  name                   = "${var.name}-web"
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
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = 8
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]
    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = "${var.name}-web", tier = "web" })
    }
  }

  tags = { tier = "web" }
}

resource "aws_autoscaling_group" "this" {
  name                      = "${var.name}-web"
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

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = "${var.name}-web", tier = "web" })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}

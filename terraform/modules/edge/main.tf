# Both load balancers: the public one, which is all that the world can reach, and the internal one between the tiers.

resource "aws_lb" "this" {
  for_each = var.load_balancers

  name                       = "${var.name}-${each.key}"
  internal                   = each.value.internal
  load_balancer_type         = each.value.load_balancer_type
  subnets                    = var.subnet_ids[each.value.subnet]
  security_groups            = [for tier in each.value.security_groups : var.security_group_ids[tier]]
  idle_timeout               = each.value.idle_timeout
  drop_invalid_header_fields = true
  # An environment must always be destroyable.
  enable_deletion_protection = false

  tags = { tier = each.key }
}

resource "aws_lb_target_group" "this" {
  for_each = var.target_groups

  name                 = "${var.name}-${each.key}"
  vpc_id               = var.vpc_id
  port                 = each.value.port
  protocol             = each.value.protocol
  target_type          = each.value.target_type
  deregistration_delay = each.value.deregistration_delay

  health_check {
    protocol            = each.value.protocol
    port                = "traffic-port"
    path                = each.value.health_check.path
    matcher             = each.value.health_check.matcher
    interval            = each.value.health_check.interval
    timeout             = each.value.health_check.timeout
    healthy_threshold   = each.value.health_check.healthy_threshold
    unhealthy_threshold = each.value.health_check.unhealthy_threshold
  }

  tags = { tier = each.key }
}

resource "aws_lb_listener" "this" {
  for_each = var.load_balancers

  load_balancer_arn = aws_lb.this[each.key].arn
  port              = each.value.listener.port
  protocol          = each.value.listener.protocol

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value.listener.target_group].arn
  }

  tags = { tier = each.key }
}

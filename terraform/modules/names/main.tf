# Names inside the VPC, which are the same wherever a game is played, so that configuration files can be, too.

locals {
  targets = { for record, target in var.zone.records : record => { kind = split(":", target)[0], key = split(":", target)[1] } }
}

resource "aws_route53_zone" "this" {
  name          = var.zone.name
  comment       = "Names inside the VPC"
  force_destroy = true

  vpc {
    vpc_id = var.vpc_id
  }
}

resource "aws_route53_record" "load_balancer" {
  for_each = { for record, target in local.targets : record => target if target.kind == "load_balancer" }

  zone_id = aws_route53_zone.this.zone_id
  name    = "${each.key}.${var.zone.name}"
  type    = "A"

  alias {
    name                   = var.load_balancers[each.value.key].dns_name
    zone_id                = var.load_balancers[each.value.key].zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "db_instance" {
  for_each = { for record, target in local.targets : record => target if target.kind == "db_instance" }

  zone_id = aws_route53_zone.this.zone_id
  name    = "${each.key}.${var.zone.name}"
  type    = "CNAME"
  ttl     = 5
  records = [var.db_instances[each.value.key]]
}

resource "aws_route53_record" "instance" {
  for_each = { for record, target in local.targets : record => target if target.kind == "instance" }

  zone_id = aws_route53_zone.this.zone_id
  name    = "${each.key}.${var.zone.name}"
  type    = "A"
  ttl     = 5
  records = [var.instances[each.value.key]]
}

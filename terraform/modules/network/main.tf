# Public subnets in two zones and no NAT gateway: what goes out goes by the internet gateway, and what comes in is
# admitted by security group only.

resource "aws_vpc" "this" {
  cidr_block           = var.vpc.cidr_block
  enable_dns_support   = var.vpc.enable_dns_support
  enable_dns_hostnames = var.vpc.enable_dns_hostnames

  tags = { Name = var.name }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

# The group that everything without a group would get: it admits nothing and lets nothing out.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-default" }
}

locals {
  # A tier's block is halved: one subnet in each zone.
  subnets = merge([
    for tier, subnet in var.subnets : {
      for index, zone in var.availability_zones : "${tier}-${zone}" => {
        tier       = tier
        zone       = zone
        cidr_block = cidrsubnet(subnet.cidr_block, 1, index)
        public_ips = subnet.map_public_ip_on_launch
      }
    }
  ]...)

  # One rule for each source or destination, as the API keeps them.
  rules = {
    for direction in ["ingress", "egress"] : direction => merge(flatten([
      for tier, group in var.security_groups : [
        for rule in group[direction] : [
          { for block in rule.cidr_blocks : "${tier}:${rule.protocol}:${rule.from_port}-${rule.to_port}:${block}" => merge(rule, { tier = tier, cidr = block, peer = null }) },
          { for peer in rule.security_groups : "${tier}:${rule.protocol}:${rule.from_port}-${rule.to_port}:${peer}" => merge(rule, { tier = tier, cidr = null, peer = peer }) },
        ]
      ]
    ])...)
  }
}

resource "aws_subnet" "this" {
  for_each = local.subnets

  vpc_id                  = aws_vpc.this.id
  cidr_block              = each.value.cidr_block
  availability_zone       = each.value.zone
  map_public_ip_on_launch = each.value.public_ips

  tags = {
    Name = "${var.name}-${each.value.tier}-${substr(each.value.zone, -1, 1)}"
    tier = each.value.tier
  }
}

resource "aws_route_table_association" "this" {
  for_each = aws_subnet.this

  subnet_id      = each.value.id
  route_table_id = aws_route_table.this.id
}

resource "aws_security_group" "this" {
  for_each = var.security_groups

  name        = "${var.name}-${each.key}"
  description = each.value.description
  vpc_id      = aws_vpc.this.id

  tags = {
    Name = "${var.name}-${each.key}"
    tier = each.key
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.rules.ingress

  security_group_id            = aws_security_group.this[each.value.tier].id
  description                  = each.value.description
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.protocol == "-1" ? null : each.value.from_port
  to_port                      = each.value.protocol == "-1" ? null : each.value.to_port
  cidr_ipv4                    = each.value.cidr
  referenced_security_group_id = each.value.peer == null ? null : aws_security_group.this[each.value.peer].id

  tags = {
    Name = "${var.name}-${each.value.tier}"
    tier = each.value.tier
  }
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.rules.egress

  security_group_id            = aws_security_group.this[each.value.tier].id
  description                  = each.value.description
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.protocol == "-1" ? null : each.value.from_port
  to_port                      = each.value.protocol == "-1" ? null : each.value.to_port
  cidr_ipv4                    = each.value.cidr
  referenced_security_group_id = each.value.peer == null ? null : aws_security_group.this[each.value.peer].id

  tags = {
    Name = "${var.name}-${each.value.tier}"
    tier = each.value.tier
  }
}

# Where the responder works: a host inside the VPC with the AWS CLI in the player's role. Entered by Session Manager.

module "host" {
  source = "../host"

  tier     = "workstation"
  region   = var.region
  system   = "debian"
  files    = { common = var.files.common }
  packages = ["bind9-dnsutils", "iproute2", "iputils-ping", "jq", "netcat-openbsd", "postgresql-client", "prometheus-node-exporter"]
  logs     = { "/var/log/session.log" = var.log_groups.sessions }

  prepare = <<-SH
    cat >/etc/chaosgood/aws <<'CONF'
    [default]
    region = ${var.region}
    role_arn = ${var.player_role_arn}
    role_session_name = responder
    credential_source = Ec2InstanceMetadata
    cli_pager =
    CONF
  SH
}

resource "aws_instance" "this" {
  ami                         = var.image_id
  instance_type               = var.instance.instance_type
  subnet_id                   = var.subnet_ids[var.instance.subnet][0]
  vpc_security_group_ids      = [for tier in var.instance.security_groups : var.security_group_ids[tier]]
  iam_instance_profile        = var.instance_profile
  key_name                    = var.key_name
  user_data                   = module.host.user_data
  user_data_replace_on_change = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_size = 8
    volume_type = "gp3"
    encrypted   = true
    tags        = merge(var.tags, { Name = "${var.name}-workstation", tier = "workstation" })
  }

  tags = {
    Name = "${var.name}-workstation"
    tier = "workstation"
  }

  lifecycle {
    ignore_changes = [ami]
  }
}

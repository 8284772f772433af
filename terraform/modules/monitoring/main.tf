# The monitoring host: Prometheus, Alertmanager, exporters, prober, Grafana. Nobody reaches it but through Session Manager.

module "host" {
  source = "../host"

  tier   = "monitoring"
  region = var.region
  system = "debian"
  files  = { common = var.files.common, monitoring = var.files.monitoring }
  packages = [
    "prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter", "prometheus-node-exporter",
    "prometheus-postgres-exporter", "python3",
  ]
  logs = merge(
    { for unit in var.files.monitoring.units : "/var/log/${unit}.log" => var.log_groups.monitoring },
    { "/var/log/session.log" = var.log_groups.sessions },
  )

  prepare = <<-SH
    install -m 0600 /dev/null /etc/default/prometheus-postgres-exporter
    set +x
    aws secretsmanager get-secret-value --secret-id ${var.password_arn} \
      --query SecretString --output text |
      python3 -c 'import json, sys; print("DATA_SOURCE_PASS=" + json.dumps(json.load(sys.stdin)["password"]))' \
      >/etc/default/prometheus-postgres-exporter
    set -x

    # Alerts must fire even where Grafana's package server is out of order. From 13.2 on Prometheus is a plugin, which
    # is where the package's own unit says. https://github.com/grafana/grafana/pull/129332
    mkdir -p /etc/apt/keyrings
    echo 'deb [signed-by=/etc/apt/keyrings/grafana.asc] https://apt.grafana.com stable main' >/etc/apt/sources.list.d/grafana.list
    fetch https://apt.grafana.com/gpg-full.key /etc/apt/keyrings/grafana.asc && apt-get update &&
      apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-confold 'grafana=12.*' ||
      echo "Grafana could not be installed; Prometheus has the same pages." >&2
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
    volume_size = 10
    volume_type = "gp3"
    encrypted   = true
    tags        = merge(var.tags, { Name = "${var.name}-monitoring", tier = "monitoring" })
  }

  tags = {
    Name = "${var.name}-monitoring"
    tier = "monitoring"
  }

  lifecycle {
    # A newer image is no reason to throw away a running environment's history.
    ignore_changes = [ami]
  }
}

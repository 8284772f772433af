# What a host does at its first boot: fetch its tier's files, install the programs that they configure, start its units,
# ship its logs. Makes no resource; the modules of the tiers hand the result to their instances.

locals {
  hook = "first-boot"

  agent = jsonencode({
    logs = {
      logs_collected = {
        files = {
          collect_list = [
            for path, group in var.logs : {
              file_path       = path
              log_group_name  = group
              log_stream_name = "{instance_id}"
            }
          ]
        }
      }
    }
  })

  # What it has come to is in a file, for who waits for it.
  begin = <<-SH
    echo running >/var/log/first-boot
    trap 'echo "failed at line $LINENO: $BASH_COMMAND" | tee /var/log/first-boot' ERR

    retry() {
      for attempt in {1..8}; do
        "$@" && return
        echo "attempt $attempt failed: $*"
        sleep 10
      done
      return 1
    }
  SH

  # A host that was launched from the group's template by hand is none of the group's.
  # https://docs.aws.amazon.com/autoscaling/ec2/userguide/completing-lifecycle-hooks.html
  in_service = var.auto_scaling_group == null ? "" : <<-SH
    aws autoscaling complete-lifecycle-action --lifecycle-action-result CONTINUE --lifecycle-hook-name ${local.hook} \
      --auto-scaling-group-name ${var.auto_scaling_group} --instance-id "$(cat /var/lib/cloud/data/instance-id)" ||
      echo "No group waits for this host."
  SH

  end = "${local.in_service}echo \"done\" >/var/log/first-boot"

  script = templatefile("${path.module}/${var.system}.sh.tftpl", {
    tier     = var.tier
    region   = var.region
    begin    = local.begin
    end      = local.end
    files    = var.files
    units    = join(" ", flatten([for folder in var.files : folder.units]))
    packages = join(" ", var.packages)
    agent    = local.agent
    prepare  = var.prepare
  })
}

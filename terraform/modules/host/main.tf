# What a host does at its first boot: fetch its tier's files, install the programs that they configure, start its units,
# ship its logs. Makes no resource; the modules of the tiers hand the result to their instances.

locals {
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

  script = templatefile("${path.module}/${var.system}.sh.tftpl", {
    tier     = var.tier
    files    = var.files
    units    = join(" ", flatten([for folder in var.files : folder.units]))
    packages = join(" ", var.packages)
    agent    = local.agent
    prepare  = var.prepare
  })
}

# RDS PostgreSQL: private, encrypted, gone without a snapshot. RDS makes the password and keeps it in Secrets Manager,
# so that neither terraform's state nor a file ever holds it.

resource "aws_db_subnet_group" "this" {
  name        = "${var.name}-database"
  description = "Database tier"
  subnet_ids  = var.subnet_ids

  tags = { tier = "database" }
}

resource "aws_db_parameter_group" "this" {
  name        = "${var.name}-database"
  family      = var.parameter_group.family
  description = var.parameter_group.description

  dynamic "parameter" {
    for_each = var.parameter_group.parameters
    content {
      name         = parameter.value.name
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  tags = { tier = "database" }
}

resource "aws_db_instance" "this" {
  identifier = var.instance.identifier

  engine = var.instance.engine
  # RDS retires minor versions; for a major one it takes the minor that is its default today.
  engine_version             = split(".", var.instance.engine_version)[0]
  auto_minor_version_upgrade = true
  instance_class             = var.instance.instance_class
  allocated_storage          = var.instance.allocated_storage
  storage_type               = "gp3"
  storage_encrypted          = var.instance.storage_encrypted
  multi_az                   = var.instance.multi_az
  availability_zone          = var.instance.multi_az ? null : var.availability_zone

  db_name                     = var.instance.db_name
  username                    = var.instance.username
  manage_master_user_password = true
  port                        = var.instance.port
  parameter_group_name        = aws_db_parameter_group.this.name

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [for tier in var.instance.vpc_security_group_ids : var.security_group_ids[tier]]
  publicly_accessible    = var.instance.publicly_accessible

  enabled_cloudwatch_logs_exports = ["postgresql"]
  copy_tags_to_snapshot           = true
  apply_immediately               = true

  # The data is made anew at each start of the shop, and an environment must always be destroyable.
  backup_retention_period  = 0
  delete_automated_backups = true
  deletion_protection      = var.instance.deletion_protection
  skip_final_snapshot      = true

  tags = {
    Name = "${var.name}-database"
    tier = "database"
  }
}

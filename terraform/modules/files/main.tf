# The very files of the stack, where a booting host can fetch them: user data has room for 16 KiB only.

locals {
  tiers = toset(["common", "web", "shop", "monitoring"])

  paths = merge([
    for tier in local.tiers : {
      for path in fileset("${var.stack}/${tier}", "**") : "${tier}/${path}" => "${var.stack}/${tier}/${path}"
      if length(regexall("__pycache__", path)) == 0
    }
  ]...)
}

resource "aws_s3_bucket" "this" {
  bucket        = "${var.name}-files-${var.account_id}"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncrypted"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_object" "this" {
  for_each = local.paths

  bucket      = aws_s3_bucket.this.id
  key         = each.key
  source      = each.value
  source_hash = filemd5(each.value)
}

output "tiers" {
  description = "Of each tier: where its files are, a hash of them all, and the units among them."
  value = {
    for tier in local.tiers : tier => {
      url  = "s3://${aws_s3_bucket.this.bucket}/${tier}/"
      hash = sha256(join("", [for key, path in local.paths : filesha256(path) if startswith(key, "${tier}/")]))
      units = [
        for path in fileset("${var.stack}/${tier}", "etc/systemd/system/*.service") : trimsuffix(basename(path), ".service")
      ]
    }
  }
  # A host must find all of them.
  depends_on = [aws_s3_object.this]
}

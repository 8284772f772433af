"""What scenarios need of Prometheus beside chaosprometheus."""

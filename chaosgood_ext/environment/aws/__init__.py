"""The environment on AWS: what its terraform is told, run, and asked, and what it costs."""

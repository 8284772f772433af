"""Chaotic Good: live through a production outage on AWS before it happens to you."""

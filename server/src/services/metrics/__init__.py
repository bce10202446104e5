"""What this process counts and measures, for Prometheus."""

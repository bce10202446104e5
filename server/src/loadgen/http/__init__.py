"""The load generator's HTTP client."""

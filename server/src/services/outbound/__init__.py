"""Outbound calls to receivers: the rules for URLs and addresses, name resolution, and the HTTP transport."""

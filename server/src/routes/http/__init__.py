"""Helpers that speak HTTP: strict JSON, ranges, the client's address."""

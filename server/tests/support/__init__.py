"""Shared by several tests: real databases, servers and receivers."""

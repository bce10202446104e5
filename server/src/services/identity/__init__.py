"""Callers, their permissions, and the owners of stored requests."""

"""Requests in PostgreSQL: every change, every query, and what may wait."""

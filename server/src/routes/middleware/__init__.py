"""ASGI middleware, run for every request."""

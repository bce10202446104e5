"""Sending requests at the intended times."""

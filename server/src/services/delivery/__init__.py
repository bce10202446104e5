"""Callbacks: lanes, attempts, retries, signatures."""

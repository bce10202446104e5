"""A run for people: table, charts, progress."""

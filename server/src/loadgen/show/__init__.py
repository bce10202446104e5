"""Output for humans: table, charts, progress."""

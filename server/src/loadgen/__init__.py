"""The load generator: a program of its own that speaks HTTP and imports nothing of the app. `python -m src.loadgen`."""

"""Benchmark runs: the load generator as a child process, and its results."""

"""Traces for OpenTelemetry: an observer of the same records as the log and the metrics."""

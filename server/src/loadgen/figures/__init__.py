"""Measurements: histograms, recorder, summary."""

"""What was measured: histograms and summaries."""

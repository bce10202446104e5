"""The parts that do the work."""

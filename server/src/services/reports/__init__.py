"""The contents of a report: rows, categories, currencies. Pure."""

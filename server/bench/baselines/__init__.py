"""The alternatives people would use, implemented with care."""

"""What people would use instead, written with care."""

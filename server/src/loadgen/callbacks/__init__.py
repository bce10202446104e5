"""The account of every callback."""

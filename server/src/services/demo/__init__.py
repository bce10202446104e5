"""The demo receiver."""

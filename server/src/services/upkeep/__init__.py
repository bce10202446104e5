"""What is cleaned up in the background."""

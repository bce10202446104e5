"""The only way out to a receiver: which URLs and addresses, and how they are dialled."""

"""Reports as files: generate, store, describe."""

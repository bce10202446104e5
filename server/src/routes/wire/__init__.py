"""Request and response models, and problems."""

"""Building the service from its settings: each module opens some parts, and closes what it opened in reverse."""

"""Who calls, what that allows, and whose a stored request is."""

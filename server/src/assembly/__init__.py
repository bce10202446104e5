"""The composition root: each module creates some parts from the settings; shutdown runs in reverse order."""

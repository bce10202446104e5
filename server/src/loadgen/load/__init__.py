"""Load generation: sending requests at the intended times."""

"""Small utilities without knowledge of the product."""

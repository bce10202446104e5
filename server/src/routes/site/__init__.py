"""The page, the documentation and the OpenAPI document."""

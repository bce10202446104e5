"""The HTTP front: uvicorn's protocols with the limits they do not have, and RFC 9110 and 9112 where they differ."""

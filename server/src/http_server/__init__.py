"""The HTTP front end: uvicorn's protocols plus the limits they lack, and RFC 9110 and 9112 where they deviate."""

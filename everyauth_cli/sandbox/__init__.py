"""A small, strict authorization server on loopback to try everything against, without an account."""

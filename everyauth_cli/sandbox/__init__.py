"""A strict authorization server on loopback, to try everything without an account at a service."""

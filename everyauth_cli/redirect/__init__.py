"""Receives the authorization response of a login: a server on loopback (RFC 8252 section 7.3), or a pasted URL."""

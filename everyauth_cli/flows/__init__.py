"""The flows of credentials: log in, refresh, check, revoke, find identities, and report ended grants."""

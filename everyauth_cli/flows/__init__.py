"""The flows of credentials: logging in, refreshing, revoking, finding and watching identities."""

"""The short cut for `token` and `identity get` of a fresh token."""

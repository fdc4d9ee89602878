"""Records whose secrets are items of the OS keyring."""

"""Records sealed with AES-256-GCM, in one row of a table each."""

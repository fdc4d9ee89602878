"""Where records are kept; nothing is imported here, because the short cut of `cli/fast` imports modules below it."""

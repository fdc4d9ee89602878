"""What is known of each service: data, and the reading of it."""

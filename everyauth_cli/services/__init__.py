"""The catalogue of services: its data, and the modules that read and check it."""

"""The catalogue of services: its data, and the modules that read and check it."""

EXAMPLE = "pagerduty"
"""The service in examples."""

"""OAuth 2.0 credentials for people and for the users of apps, always current."""

__version__ = "0.1.0"

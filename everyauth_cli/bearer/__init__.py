"""Hands the current access token of a user to the HTTP clients and SDKs of an app."""

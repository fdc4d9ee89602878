"""The OAuth 2.0 protocol, without I/O: functions that build requests and functions that read responses."""

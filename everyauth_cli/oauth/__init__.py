"""The protocol as pure pairs: what to send, and how to read the answer."""

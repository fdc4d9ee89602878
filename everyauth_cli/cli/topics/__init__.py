"""Topics of `everyauth help`: a text file for each, which is a part of a manual page too."""

TOPICS = {
    "scripts": "Scripts and timers.",
    "secrets": "Where secrets lie.",
    "exit-codes": "The exit codes.",
    "environment": "The variables.",
    "service-files": "Files about services.",
    "python": "The Python library.",
    "sdk": "Current tokens for SDKs.",
}
"""The topics, each with its summary, in the order of the manual pages; NAME.in is the text of one."""

"""Topics of `everyauth help`: a text file for each, which is a part of a manual page too."""

TOPICS = {
    "exit-codes": "What each exit code means.",
    "environment": "The environment variables.",
    "service-files": "The files that describe services.",
    "sdk": "Give an SDK the current token at each call.",
}
"""The topics, each with its summary, in the order of the manual pages; NAME.in is the text of one."""

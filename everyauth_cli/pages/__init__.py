"""The HTML pages that a browser is shown."""

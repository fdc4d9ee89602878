"""The checks of `everyauth doctor`."""

"""Topics of `everyauth help`: one file each, which is a section of the man page too."""

"""The parts of `everyauth login`: browser, redirect, paste, result page and sandbox."""

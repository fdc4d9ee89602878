"""The parts of `everyauth login`: browser, redirect, paste and result page."""

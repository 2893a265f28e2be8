"""Measures of generated videos, and the suite that measures tora2-tiny on its own world."""

"""Tells people: the page and the success message, in the terminal and on Discord."""

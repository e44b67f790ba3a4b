"""The terminal as a chat platform: a person at a keyboard, or a pipe."""

"""Discord: the gateway through discord.py, REST through a small client of our own."""

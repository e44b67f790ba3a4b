"""The bundled embedding model: text to tokens to vectors; shared by moderation and memory."""

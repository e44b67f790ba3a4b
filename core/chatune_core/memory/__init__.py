"""What the bot remembers of a person: values, the write gate, retrieval, the part of the prompt."""

"""Generation: the in-process engine, its scheduler, and the engine for OpenAI-compatible servers."""

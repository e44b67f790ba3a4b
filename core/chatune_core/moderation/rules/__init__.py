"""Rules: what can be found for sure, without a model."""

"""Moderation: what a person asks, what the model answers, what the community posts."""

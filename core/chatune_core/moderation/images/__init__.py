"""Pictures: limits before decoding, sampled frames, explicit content, an operator's deny-list."""

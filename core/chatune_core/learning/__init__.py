"""Learning: from what people think of answers to a better LoRA, and back again if it is not."""

"""Phrases of common scams, for those who have no list yet. No offensive word is shipped."""

SCAM_PHRASES = (
    "free nitro", "free discord nitro", "claim your nitro", "nitro giveaway", "free robux",
    "free vbucks", "free steam gift*", "free gift card*", "double your crypto",
    "double your bitcoin", "double your money", "guaranteed profit*", "guaranteed return*",
    "crypto giveaway", "claim your airdrop", "connect your wallet to claim",
    "enter your seed phrase", "send your recovery phrase", "verify your account or it will be",
    "your account will be suspended unless", "work from home and earn", "no experience needed earn",
    "i will teach you how to earn", "you have won a prize", "you have been selected to receive",
    "congratulations you have won", "call now to claim", "claim your prize",
)  # fmt: skip
"""Entries for a `WordList` of category spam."""

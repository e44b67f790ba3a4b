"""Phrases of common scams, for those who have no list yet. No offensive word is shipped."""

SCAM_PHRASES = (
    "free nitro", "free discord nitro", "claim your nitro", "nitro giveaway", "free robux",
    "free v-bucks", "free vbucks", "free steam gift*", "free gift card*", "steam gift 50",
    "double your crypto", "double your bitcoin", "double your money", "guaranteed profit*",
    "crypto giveaway", "claim your airdrop", "connect your wallet to claim",
    "dm me on whatsapp", "message me on whatsapp", "text me on telegram", "message him on telegram",
    "scan the qr code and log in", "scan this qr code to", "verify your account or it will be",
    "selling aged discord accounts", "cheap nitro", "work from home and earn",
    "earn daily from home",
    "first 100 users get", "who wants to earn", "i will teach you how to earn", "hot girls leaked",
    "leaked content join", "you have won a prize", "you have been selected to receive",
    "congratulations you have won", "call now to claim", "claim your prize",
)  # fmt: skip
"""Entries for a `WordList` of category spam."""

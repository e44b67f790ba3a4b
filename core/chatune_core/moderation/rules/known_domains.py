"""Well-known names that others pretend to be, and services that hide or invite."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN_DOMAINS = {
    "discord": "discord.com discord.gg discordapp.com discordapp.net discord.gift"
    " discord.media discord.new discord.dev discordstatus.com dis.gd discordmerch.com",
    "steam": "steampowered.com steamcommunity.com steamstatic.com steamcontent.com steamgames.com"
    " steamusercontent.com steamdeck.com steamstat.us steamdb.info s.team steam.tv",
    "slack": "slack.com slack-edge.com slack-files.com slack.dev slack.engineering slackb.com",
    "paypal": "paypal.com paypal.me paypalobjects.com paypal-community.com",
    "google": "google.com google.* googleapis.com googleusercontent.com googleblog.com"
    " googlesource.com withgoogle.com goo.gl g.co gmail.com",
    "microsoft": "microsoft.com microsoftonline.com live.com office.com outlook.com xbox.com"
    " bing.com",
    "apple": "apple.com icloud.com apple.co",
    "amazon": "amazon.com amazon.* amazonaws.com amzn.to a.co",
    "netflix": "netflix.com nflxext.com netflix.net",
    "roblox": "roblox.com rbxcdn.com rbx.com",
    "twitch": "twitch.tv ttvnw.net twitch.com jtvnw.net",
    "youtube": "youtube.com youtu.be youtube-nocookie.com",
    "github": "github.com github.io githubusercontent.com github.dev githubassets.com github.blog",
    "epicgames": "epicgames.com epicgames.dev fortnite.com unrealengine.com",
    "facebook": "facebook.com fb.com fb.me fbcdn.net messenger.com meta.com",
    "instagram": "instagram.com cdninstagram.com instagr.am ig.me",
    "twitter": "twitter.com x.com t.co twimg.com",
    "telegram": "telegram.org telegram.me t.me telegram.dog",
    "whatsapp": "whatsapp.com wa.me whatsapp.net",
    "binance": "binance.com binance.us binance.org",
    "coinbase": "coinbase.com",
    "metamask": "metamask.io",
    "opensea": "opensea.io",
    "dropbox": "dropbox.com dropboxusercontent.com db.tt",
    "linkedin": "linkedin.com lnkd.in licdn.com",
    "openai": "openai.com chatgpt.com",
    "minecraft": "minecraft.net minecraft.wiki",
    "steamcommunity": "steamcommunity.com",
    "steampowered": "steampowered.com",
}
"""The domains that belong to a name, separated by spaces; "name.*" is the name under any country.

Their subdomains belong to it as well.
"""

NOT_LOOKALIKES = _words(
    "discard discards discords goggle goggles googles switch stitch finance twister titter roblos"
    " applet apples maple ample slacks slackware snack black stack steams stream streams steamed"
    " amazons dropboxes openair opens telegrams netflux paypals githubs github"
)
"""Words one slip away from a well-known name, with a life of their own."""

BAIT = _words(
    "nitro gift gifts giveaway free login signin verify verification secure security support help"
    " account accounts app trade trades trading claim airdrop bonus community promo reward rewards"
    " wallet service update auth billing payment pay drop drops skins skin event events offer win"
    " invite join server robux vbucks crypto usdt boost premium official online team mail"
    " center centre store shop pro plus"
)
"""What those who pretend to be somebody put beside the name."""

SHORTENERS = _words(
    "bit.ly tinyurl.com is.gd v.gd ow.ly cutt.ly rebrand.ly shorturl.at rb.gy tiny.cc t.ly bl.ink"
    " s.id adf.ly shorte.st soo.gd clck.ru qps.ru u.to short.io t2m.io tny.im x.co bit.do"
)

TRACKERS = _words(
    "grabify.link iplogger.org iplogger.com iplogger.ru iplogger.info 2no.co yip.su blasze.com"
    " ps3cfw.com leancoding.co stopify.co freegiftcards.co joinmy.site curiouscat.club"
    " catsnthings.fun catsnthing.com screenshare.pics webresolver.nl"
)
"""Services that record the network address of whoever follows the link."""

INVITES = (
    r"(?:discord(?:app)?\.com/invite|discord\.gg|dsc\.gg|invite\.gg)/[\w-]+",
    r"(?:t|telegram)\.me/(?:\+|joinchat/)[\w-]+",
    r"chat\.whatsapp\.com/(?:invite/)?[\w-]+",
    r"join\.slack\.com/t/[\w-]+",
    r"(?:guilded\.gg|guilded\.com)/i/[\w-]+",
)
"""Links that invite into another community, as patterns of host and path."""

SECOND_LEVELS = _words("co com org net gov edu ac or ne go gob")
"""What stands before the country in a suffix of two parts: "co.uk", "com.br"."""

BARE_SUFFIXES = _words(
    "com net org info biz gg io me tv us uk de fr es it nl eu ru cn in br ca au jp pl se no fi dk"
    " ch at be pt cz ua by kz tr ir xyz top club site online store shop live app dev link click"
    " gift gifts fun icu buzz pro vip win space website tech cc tk ml ga cf gq ly to sh la co ai"
    " su pw ws bid trade promo lol world today monster quest cyou rest bar casa lat sbs cfd bond"
    " finance money cash exchange group team chat social download stream games game mobi id"
)
"""Suffixes that make a link of a name without "https://"; others are more often file names."""

"""One character at a time: what it looks like to a reader, in plain letters."""

import unicodedata
from functools import lru_cache

# ruff: noqa: RUF001 - the table below is made of characters that look alike.
# Letters that most fonts draw like a Latin one, by the Latin letter. Compatibility forms
# (full-width, mathematical, circled, superscript, ligatures) need no row: Unicode decomposes them.
_LOOKALIKES = {
    "a": "аαɑᴀɐ⍺ꭺꓮᎪΑА",
    "b": "ЬʙᏏƅɓВΒᏴꓐϐв",
    "c": "сϲᴄⲥⅽСϹᏟꓚⲤ¢ↄ",
    "d": "ԁɗᴅժᎠꓓđðᏧ",
    "e": "еєҽᴇɛεǝΕЕᎬꓰℯэ℮",
    "f": "ƒꜰϝꞙҒғꓝᖴ",
    "g": "ɡցɢԍᏀꓖԌ",
    "h": "һհʜнΗНᎻꓧħћ",
    "i": "іıɪιΙІᎥӀꓲɩ",
    "j": "јʝϳᴊЈᎫꓙ",
    "k": "кκᴋƙΚКᏦꓗќ",
    "l": "ʟłƖӏᏞꓡⅼ",
    "m": "мᴍΜМᎷꓟɱ",
    "n": "ոηɴռΝꓠп",
    "o": "оοօᴏσøθΟОՕꓳⲟⲞᎾө",
    "p": "рρᴘƿΡРᏢꓑⲣ",
    "q": "ԛգզɋԚ",
    "r": "гᴦʀɾгᎡꓣᏒя",
    "s": "ѕꜱʂЅՏꓢᏚ",
    "t": "тτᴛŧΤТᎢꓔƭ",
    "u": "υսᴜʋμцՍꓴՄ",
    "v": "νѵᴠѴᏙꓦ",
    "w": "ԝѡωᴡшщᎳꓪԜɯ",
    "x": "хχ×ΧХꓫҳ",
    "y": "уγүʏΥҮУᎩꓬỿ",
    "z": "ᴢʐΖᏃꓜƶ",
}
_PAIRS = {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ß": "ss", "ẞ": "SS", "þ": "th", "ⁿ": "n"}
_UNSEEN = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u034f")
_MARK_BLOCKS = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF))
_LETTER_RUNS = ((0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189), (0x1F1E6, 0x1F1FF))


def _table() -> dict[str, str]:
    """Return the look-alikes by character; capitals stay capitals where the two differ."""
    table = dict(_PAIRS)
    for latin, others in _LOOKALIKES.items():
        for other in others:
            table[other] = latin.upper() if other.isupper() else latin
    return table


_TABLE = _table()


@lru_cache(maxsize=16_384)
def folded(character: str) -> str:
    """Return what `character` is read as: none, one or a few characters that fold to themselves.

    What cannot be seen goes: zero-width and control characters, bidirectional controls, variation
    selectors, combining marks of Latin letters. Any white space but a line feed becomes a space,
    any digit an ASCII one, a lone surrogate U+FFFD. Case stays.
    """
    while (plainer := "".join(_folded_once(each) for each in character)) != character:
        character = plainer
    return character


def _folded_once(character: str) -> str:
    if character in "\n ":
        return character
    if character.isspace() or character == "\u2800":
        return "\n" if character in "\u2028\u2029\x85" else " "
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    if _is_unseen(character):
        return ""
    decomposed = unicodedata.normalize("NFKD", character)
    bare = "".join(_looks_like(each) for each in decomposed if not _is_mark(each))
    return unicodedata.normalize("NFC", bare)


def _is_unseen(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in {"Cc", "Cf"}
        or character in _UNSEEN
        or 0x180B <= code <= 0x180F
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
        or _is_mark(character)
    )


def _is_mark(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _MARK_BLOCKS) or (
        0xFE20 <= ord(character) <= 0xFE2F
    )


def _looks_like(character: str) -> str:
    if (letter := _TABLE.get(character)) is not None:
        return letter
    if (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    for first, last in _LETTER_RUNS:
        if first <= ord(character) <= last:
            return chr(ord("A") + ord(character) - first)
    return character

"""Turns bytes into text whatever charset they were written in and whatever they claim to be."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_ALIASES = {
    "ansi1251": "cp1251",
    "cp51932": "euc_jp",
    "dos866": "cp866",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso88598i": "iso8859_8",
    "iso88598e": "iso8859_8",
    "koi8": "koi8_r",
    "koi8r": "koi8_r",
    "koi8ru": "koi8_u",
    "koi8u": "koi8_u",
    "ksc56011987": "cp949",
    "euckr": "cp949",
    "maccyrillic": "mac_cyrillic",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "unicode11utf7": "utf_7",
    "unicode11utf8": "utf-8",
    "unicode": "utf-16",
    "utf8mb4": "utf-8",
    "win1251": "cp1251",
    "windows1251": "cp1251",
}

_VAGUE = {"ascii", "iso8859-1", "cp1252", "iso8859-15"}
"""What broken programs declare when they know nothing: no proof against Cyrillic."""

_WIDE = {
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
    *("utf-7", "hz", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3"),
    *("iso2022_jp_ext", "iso2022_kr"),
}
"""Charsets whose bytes may all be below 0x80 and still not be ASCII."""

_MULTIBYTE = {
    *("big5", "big5hkscs", "cp932", "cp949", "cp950", "euc_jis_2004", "euc_jisx0213", "euc_jp"),
    *("gb18030", "johab", "shift_jis_2004", "shift_jisx0213", "utf-8"),
}

_SINGLE_BYTE = {
    *("ascii", "cp037", "cp437", "cp720", "cp737", "cp775", "cp850", "cp852", "cp855", "cp856", "cp857"),
    *("cp858", "cp860", "cp861", "cp862", "cp863", "cp864", "cp865", "cp866", "cp869", "cp874", "cp1125"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *(f"iso8859-{number}" for number in range(1, 17) if number != 12),
    *("koi8-r", "koi8-t", "koi8-u", "kz1048", "mac-cyrillic", "mac-greek", "mac-iceland", "mac-latin2"),
    *("mac-roman", "mac-turkish", "ptcp154", "tis-620"),
}

_KNOWN = _WIDE | _MULTIBYTE | _SINGLE_BYTE
"""The only codecs a letter may name: others are slow on long input (`punycode`) or none at all."""

_CYRILLIC = ("cp1251", "koi8-u", "cp866", "iso8859-5", "mac-cyrillic")
_CYRILLIC_DECLARED = {*_CYRILLIC, "koi8-r"}

_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_WITHIN_LATIN = re.compile(
    rb"(?<=[A-Za-z])[\x80-\xff]{1,2}(?![\x80-\xff])|(?<![\x80-\xff])[\x80-\xff]{1,2}(?=[A-Za-z])"
)
_COMMON_PAIRS = re.compile(
    "ст|но|ен|то|на|ов|ни|ра|во|ко|пр|ро|по|ре|ер|го|ал|не|ли|ос|от|ор|ла|ло|ка|та|ть|те|ти|ри|ел|"
    "ом|за|ва|ес|ет|ит|де|да|ин|ий|ый|ая|ие|ия|ам|ат|ле|об|до|мо|со|ве|ви|вы|бы|ме|ми|ше|ск|тр|оч|ас|ан|ки|"
    "ош|шк|иб|бк|аш|их|ых|ой|ей|ую|жа|жд|чт|эт|эл|фо|еф|оп|зв|зд|бо|ду|тв|сь|ся|чё|чи|ще|ай|ик|ки"
)
_FREQUENT = re.compile("[оеаинтсрвлкмдпу]")
_CASE_BREAK = re.compile("[а-яёєіїґ][А-ЯЁЄІЇҐ]+")
_JUNK = re.compile(r"[^\sа-яёА-ЯЁєіїґўЄІЇҐЎ«»—–№…„“”‘’•§°\xa0©]")

_USUAL = re.compile("[\xa0-\u024f\u0370-\u058f\u2010-\u203a\u20ac\u2116\U0001f300-\U0001faff]")

_SAMPLE = 1024
_GLANCE = 200
_SHORTEST_WIDE = 8
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_CONTROL_BYTES = bytes(_CONTROLS)
_LINE_END = re.compile(r"\r\n?")


def decode_text(data: bytes, declared: str = "") -> str:
    """The text of these bytes. Never fails; the result has no NUL and always encodes to UTF-8."""
    if not data:
        return ""
    codec = known_codec(declared) if declared else ""
    if codec in _WIDE:
        return _decode_wide(data, codec)
    if b"\x00" in data or b"\x1b$" in data:
        hidden = _undeclared_wide(data)
        if hidden:
            return _decode_wide(data, hidden)
    data = data.translate(None, _CONTROL_BYTES).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if data.isascii():
        return data.decode("ascii")
    return _decode_high(data, codec)


@lru_cache(maxsize=512)
def known_codec(name: str) -> str:
    """Python's name of a declared charset; empty if there is no such charset."""
    letters = re.sub(r"[^a-z0-9]", "", name.partition("*")[0].lower()[:40])
    plain = letters.removeprefix("x")
    as_it_is = name.strip(" '\";").lower()
    for candidate in (_ALIASES.get(letters), _ALIASES.get(plain), as_it_is, letters, plain):
        if not candidate:
            continue
        try:
            codec = codecs.lookup(candidate).name
        except (LookupError, ValueError):
            continue
        if codec in _KNOWN:
            return codec
    return ""


def _undeclared_wide(data: bytes) -> str:
    """A charset of wide units that shows itself: every other byte is zero, or escapes of Japan."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(data) < _SHORTEST_WIDE:
        return ""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if max(even, odd) * 4 > len(data) and not min(even, odd):
        return "utf-16-be" if even else "utf-16-le"
    return "iso2022_jp" if b"\x1b$" in data and data.isascii() else ""


def _decode_wide(data: bytes, codec: str) -> str:
    if codec.startswith("utf-16") and b"\x00" not in data and data.isascii():
        codec = "ascii"  # declared by somebody who meant "Unicode"
    text = data.decode(codec, "replace").removeprefix("\ufeff").translate(_CONTROLS)
    # UTF-7 can spell half of a surrogate pair.
    return _LINE_END.sub("\n", text.encode("utf-8", "replace").decode("utf-8"))


def _decode_high(data: bytes, codec: str) -> str:
    if codec in _MULTIBYTE and codec != "utf-8":
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            pass  # perhaps it is something else: see below
    try:
        # Real text of another charset is practically never valid UTF-8, so this outweighs what is declared.
        text = data.decode("utf-8").removeprefix("\ufeff")
        if codec not in _CYRILLIC_DECLARED or _USUAL.search(text):
            return text
    except UnicodeDecodeError:
        pass
    if codec in ("", "utf-8"):
        return _decode_mixed(data)
    if codec in _VAGUE or codec in _CYRILLIC_DECLARED:
        return data.decode(_guess(data, codec), "replace")
    return data.decode(codec, "replace")


def _decode_mixed(data: bytes) -> str:
    """Text that is not quite UTF-8: another charset, or UTF-8 with a wound, or one after the other."""
    if not _mostly_utf8(data):
        return data.decode(_guess(data, ""), "replace")
    return "".join(map(_decode_line, data.splitlines(keepends=True)))


def _decode_line(line: bytes) -> str:
    if line.isascii() or _mostly_utf8(line):
        return line.decode("utf-8", "replace")
    return line.decode(_guess(line, ""), "replace")


def _mostly_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    wounds = text.count("\ufffd")
    others = sum(map(len, _HIGH_RUN.findall(data))) - wounds
    usual = 2 * len(_USUAL.findall(text))
    return wounds * 16 <= others or (wounds * 3 <= others and usual * 2 >= others)


def _guess(data: bytes, declared: str) -> str:
    """The likeliest single-byte charset of bytes that are not UTF-8."""
    sample = data[: _SAMPLE * 16]
    words = _HIGH_RUN.findall(sample)
    # Latin words hold single accents; Cyrillic words are accents throughout.
    latin = sum(map(len, _WITHIN_LATIN.findall(sample)))
    if declared not in _CYRILLIC_DECLARED and 4 * latin > sum(map(len, words)):
        return "cp1252"
    high = b" ".join(words)[:_SAMPLE]
    if declared in _CYRILLIC_DECLARED:
        start = high[:_GLANCE]
        if _russian(start, declared) >= len(start) // 2:
            return declared
        trusted = _russian(high, declared)
        best = max(_CYRILLIC, key=lambda codec: _russian(high, codec))
        return best if _russian(high, best) > 2 * max(trusted, 10) else declared
    return max(_CYRILLIC, key=lambda codec: _russian(high, codec))


def _russian(words: bytes, codec: str) -> int:
    """How much these bytes look like Russian when read so: common pairs, ordinary case, no strange signs."""
    text = words.decode(codec, "replace")
    small = text.lower()
    good = 2 * len(_COMMON_PAIRS.findall(small)) + len(_FREQUENT.findall(small))
    if codec == "cp1251":  # where a short word could be either, it is most often this
        good += 1 + good // 10
    strange = 2 * sum(map(len, _CASE_BREAK.findall(text))) + 8 * len(_JUNK.findall(text))
    return good - strange

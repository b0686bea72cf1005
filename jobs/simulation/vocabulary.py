"""Vocabulary of the made-up people: words by language, hashtags by Zipf's law, names."""

import unicodedata
from functools import cache
from itertools import accumulate, product

MAX_TERM_CODE_POINTS = 100


def identity(term: str) -> str:
    """Identity of a spelling (docs/contracts.md, Terms). Written for the simulator only; shares no code."""
    return _short(term) if len(term) <= MAX_TERM_CODE_POINTS else _identity(term)


def _identity(term: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", term).casefold())
    kept = "".join(character for character in folded if unicodedata.category(character) != "Cc")
    return kept if len(kept) <= MAX_TERM_CODE_POINTS else kept[:MAX_TERM_CODE_POINTS] + "…"


_short = cache(_identity)


# Language, its share, words. Words of scripts without spaces are phrases. Code `in` is X's old one for Indonesian.
_LANGUAGES = (
    (
        "en",
        34,
        "the a to and is rain sun today, river city match goal train coffee music wow! why? library planet late "
        "early friends finally again morning NIGHT never always wonderful queue ticket bus garden kitchen cat dog "
        "don't it's we're 2:1 100% & (really) \"quoted\" naïve café",
    ),
    (
        "ja",
        16,
        "今日はいい天気ですね 電車 が遅れています おはよう コーヒー 猫 散歩 楽しい! ﾊﾝｶｸ 映画 東京の朝 ありがとう 🍣",
    ),
    (
        "es",
        10,
        "el la de que hoy lluvia ciudad mañana ¡gol! tren café música niño corazón ¿por qué? libro río fiesta año",
    ),
    ("ar", 7, "اليوم مطر مدينة كتاب قهوة صباح الخير مباراة هدف قطار موسيقى جميل، شكرا ٢٠٢٦ العَرَبِيَّة"),
    ("pt", 6, "hoje chuva cidade manhã gol! trem café música coração livro não você então praia"),
    ("tr", 5, "bugün İSTANBUL ışık yağmur şehir kitap kahve günaydın maç gol tren müzik çok güzel IRMAK"),
    ("ru", 5, "сегодня дождь город книга кофе утро матч гол поезд музыка очень красиво ёлка Привет!"),
    ("th", 4, "วันนี้ฝนตก เมือง หนังสือ กาแฟ สวัสดีตอนเช้า ฟุตบอล รถไฟ เพลงเพราะ ขอบคุณ"),
    ("hi", 4, "आज बारिश शहर किताब कॉफ़ी सुप्रभात मैच गोल रेल संगीत बहुत सुंदर क्षण"),
    ("in", 3, "hari ini hujan kota buku kopi pagi gol kereta musik bagus sekali terima kasih"),
    ("de", 2, "heute Regen Straße Stadt Buch Kaffee Morgen Tor! Zug Musik schön größer"),
    ("ko", 2, "오늘 비 도시 책 커피 아침 골 기차 음악 좋아요 감사합니다"),
    ("he", 1, "היום גשם עיר ספר קפה בוקר טוב שער רכבת מוזיקה"),
    ("und", 1, "🎉 👩‍🚀 🏳️‍🌈 😂😂 ❤️ 👍🏽 𝕳𝖊𝖑𝖑𝖔 🇯🇵"),
)
_EMOJI = ("😂", "🎉", "❤️", "👩‍🚀", "🌧️", "👍🏽", "🇧🇷")

# Familiar hashtags of each language, then compounds for the long tail.
_TAGS = (
    "News", "MatchDay", "Weather", "音楽", "футбол", "قهوة", "Photography", "CLIMATE", "今日の一枚", "मौसम", "Straße",
    "วันหยุด", "İstanbul", "MondayMotivation", "café", "книги", "شعر", "東京", "ﾊﾝｶｸ", "niños", "Día", "ねこ", "커피",
    "ספרים", "हिन्दी", "ｆｕｌｌｗｉｄｔｈ", "snake_case", "2026goals", "ÉCOLE", "ırmak",
)  # fmt: skip
_STEMS = [
    "rain",
    "river",
    "city",
    "book",
    "coffee",
    "train",
    "music",
    "garden",
    "planet",
    "harbour",
    "winter",
    "summer",
    "maple",
    "copper",
    "paper",
    "silver",
]
_TAILS = ["Day", "Watch", "Week", "Talk", "Club", "Live", "Fans", "Story", "Night", "News", "Lovers", "Facts"]

BURSTS = ("Eclipse2026", "地震速報", "GranFinal", "HarbourLights", "выборы", "كأس")

PEOPLE = tuple(
    f"{first}{second}"
    for first, second in product(
        ("amber", "basil", "cedar", "dune", "ember", "fjord", "ginger", "hazel", "indigo", "juniper"),
        ("_otter", "finch", "Heron", "_moth", "newt", "Robin", "_stoat", "toad", "vole", "Wren"),
    )
)

TABLE = 1 << 16  # a draw is one look-up: entry int(random() * TABLE)


def _table(weights: list[float]) -> list[int]:
    """Indices, each repeated by its weight, at least once."""
    total = sum(weights)
    ends = [round(TABLE * part / total) for part in accumulate(weights)]
    starts = [0, *ends[:-1]]
    return [index for index, (start, end) in enumerate(zip(starts, ends, strict=True)) for _ in range(end - start)]


LANGUAGES = tuple((code, tuple(words.split())) for code, _, words in _LANGUAGES)
LANGUAGE_TABLE = _table([float(share) for _, share, _ in _LANGUAGES])
EMOJI = _EMOJI


def _spellings(tag: str) -> tuple[str, ...]:
    """Spellings of one hashtag; all have the same identity."""
    ways = (tag, tag, tag, tag.lower(), tag.upper())
    return tuple(way for way in ways if identity(way) == identity(tag))


_ALL_TAGS = (
    _TAGS
    + tuple(stem + tail for tail, stem in product(_TAILS, _STEMS))
    + tuple(stem + tail + str(year) for year, tail, stem in product(range(2020, 2028), _TAILS, _STEMS))
)
TAGS = tuple(_spellings(tag) for tag in _ALL_TAGS)
TAG_TABLE = _table([1 / rank**1.05 for rank in range(1, len(TAGS) + 1)])

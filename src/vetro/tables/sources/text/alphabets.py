"""How plausible a text is: the letters of languages, by how often they occur.

For a text whose encoding is not known (encodings.py): the right decoding gives words that some
language has.  It decodes nothing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable

# Bits that a character costs where nothing better is known of it.
_FOREIGN, _IMPOSSIBLE = 10.0, 20.0
# What a break of a rule adds: capitals inside a word, two alphabets in a word, a sign between
# letters, two letters in a row that the plain alphabet lacks.
# A letter beside a digit, and a capital.
_BREAK, _PAIR, _BESIDE_DIGIT, _CAPITAL = 6.0, 3.0, 4.0, 1.0
_SIGNS = "µ°²³€£–’“”—‘…«»±½¼§©®·•×ºª™„‚¿¡¥¾¹¶‰†′″"
_IN_WORDS = "’·‘′"
_BLANKS = "\xa0\u2009\u202f\u3000"
_GAP = re.compile(r"[\x00-\x20]+")
_MONEY = re.compile(r"[0-9][\s;\"]{0,2}[€£]|[€£][\s;\"]{0,2}[0-9]")
_PRICED = 4.0  # bits that a sign of money beside a number gives back
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

# The letters beyond ASCII of each language, the frequent ones first.
_LATIN = (
    "éèàêçôûùîâïëœüÿæ",  # French
    "üäöß",  # German
    "óíáñéúüº",  # Spanish
    "àèùòéìîó",  # Italian
    "ãçáéóíõêâúôàü",  # Portuguese
    "àéèíóòçúïü·",  # Catalan
    "öäåéøæüà",  # Swedish, Finnish, Danish, Norwegian
    "áíóðéæöþýú",  # Icelandic
    "łóążęśćźń",  # Polish
    "íáéěřýžčšůúťďňóöü",  # Czech, Slovak
    "áčéľíýžšúťňôďóäŕĺ",  # Slovak
    "éáóöőíüúű",  # Hungarian
    "ăîâşţșț",  # Romanian
    "čšžćđ",  # Croatian, Slovenian, Serbian
    "ıüşğçöâîû",  # Turkish
    "ėšųūįąžčę",  # Lithuanian
    "āīšēūņļžģķč",  # Latvian
    "äõüöšž",  # Estonian
)
_OTHER = {
    "CYRILLIC": (
        "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",  # Russian
        "оаниівтерслкудмпяьзгбчйхєїжцюшщфґ",  # Ukrainian
        "аиоетнрсвлкдпмзугъбячцйжщхшюф",  # Bulgarian
        "аоиенрјтскдвупмлзбгћчшцжњђљхфџ",  # Serbian
        "аоеінытсрлкдвямупзьбгчшцўжхйюёэф",  # Belarusian
    ),
    "GREEK": ("αοιετσνηυρπκμλςωόίήάέγύδθχφβώξζψϊϋΐΰ",),
    "HEBREW": ("יוהלאתרבמשנדחקפעסטזגצכםןךףץ",),
    "ARABIC": ("اليمونترهبسدعفحكقجةشصأطخضذثغإزىئءظآؤپچگیک",),
    "THAI": ("านรอกเงมยลวดทสตะปบคหแจพชขใไโผถซณฉธฟภฐศษฮญฎฏฆฑฒฌฬฦฤ่้ิีึืุูั็์ๆำ",),
}


def _ranked(letters: str) -> dict[str, float]:
    return {letter: math.log2(2 + rank) for rank, letter in enumerate(letters)}


_ALPHABETS = [("LATIN", _ranked(letters)) for letters in _LATIN] + [
    (script, _ranked(letters)) for script, several in _OTHER.items() for letters in several
]
_KANA, _USUAL, _COMMON, _RARE = 6.0, 8.0, 12.0, 17.0
_USUAL_JAPANESE = (
    "日一国人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女"
    "北午百書先名川千水半男西電校語土木聞食車何南万毎白天母火右読友左休父雨会同事自社発者地業"
    "方新場員立開手力問代明動京目通言理体田主題意不作用度強公持野以思家世多正安院心界教文元重"
    "近考画海売知道集別物使品計死特私始朝運終台広住真有口少町料工建空急止送切転研足究楽起着店"
    "県市区村部府都札幌福岡神奈屋古阪仙千葉埼玉横浜戸島崎沢株式表番号量値価格合平均"
)
_USUAL_SIMPLIFIED = (
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学"
    "对可里后小心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公"
    "同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话者向情部正"
    "名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真世气信北少关并"
    "内加化由代军产入先山五太水万市体别处总场师书比住员九性通目华报立马命张活神数件安表原车白应"
    "路期金京州广深圳江苏浙湖南河川庆武汉成都重津省区县价格号量值"
)
_USUAL_TRADITIONAL = (
    "的一是不了人我在有他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學"
    "對可里後小心多天而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公"
    "同三已老從動兩長知民樣現分將外但身些與高意進把法此實回二理美點月明其種聲全工己話者向情部正"
    "名定女問力機給等幾很業最間新什打便位因重被走電四第門相次東政海口使教西再平真世氣信北少關並"
    "內加化由代軍產入先山五太水萬市體別處總場師書比住員九性通目華報立馬命張活神數件安表原車白應"
    "路期金京州臺台雄竹隆基嘉義蓮彰投屏港灣省區縣價格號量值"
)
_USUAL_KOREAN = (
    "이다는에가고지의하을도은로서한사나기인를대시자리어해아정그일수부제주보장전면여있라구"
    "상원마비안오산울인천광경동남북강성영김박최조윤임중국신세우유화물건요금연월거당합"
)


def cost(texts: Iterable[str]) -> float:
    """The bits that the characters beyond ASCII cost under the language that explains them best.

    The lower, the more plausible; 3 a letter is good, 10 means that no language has them.
    """
    texts = list(texts)
    priced = _PRICED * sum(len(_MONEY.findall(text)) for text in texts)
    words = [word for text in texts for word in _GAP.split(text) if not word.isascii()]
    return min(sum(word_cost(word) for word in words) for word_cost in _LANGUAGES) - priced


def first_word(text: str) -> str:
    """The first word of a text with a character beyond ASCII, to be shown."""
    found = _NOT_ASCII.search(text)
    if found is None:
        return ""
    before = re.search(r"\w*$", text[: found.start()])
    after = re.match(r"\w*", text[found.end() :])
    return f"{before[0] if before else ''}{found[0]}{after[0] if after else ''}"


def _in_alphabet(script: str, ranks: dict[str, float]) -> Callable[[str], float]:
    def word_cost(word: str) -> float:
        total = 0.0
        for before, letter, after in _triples(word):
            if letter.isascii():
                continue
            if not letter.isalpha() and not unicodedata.category(letter).startswith("M"):
                total += _sign_cost(before, letter, after)
                continue
            total += ranks.get(letter.lower()[:1], _FOREIGN) + _CAPITAL * letter.isupper()
            total += _BESIDE_DIGIT * (before.isdigit() or after.isdigit())
            if before.islower() and letter.isupper():
                total += _BREAK
            if after.isupper() and letter.islower():
                total += _BREAK
            if script == "LATIN":
                total += _PAIR * (before.isalpha() and not before.isascii())
            else:
                total += _BREAK * sum(one.isascii() and one.isalpha() for one in (before, after))
        return total

    return word_cost


def _triples(word: str) -> Iterable[tuple[str, str, str]]:
    return zip(" " + word[:-1], word, word[1:] + " ", strict=True)


def _sign_cost(before: str, sign: str, after: str) -> float:
    inside = (before.isalpha() and after.isalpha()) and sign not in _IN_WORDS
    if sign in _BLANKS:
        return 3.0 + _BREAK * inside
    place = _SIGNS.find(sign)
    if place < 0:
        return _IMPOSSIBLE if unicodedata.category(sign) in ("Cc", "Co", "Cn") else _FOREIGN + 4
    beside = not before.isascii() or not after.isascii()
    return math.log2(2 + place) + _BREAK * inside + _BREAK * beside


def _ideographs(usual: str, codec: str, common: range, kana: bool) -> Callable[[str], float]:
    """Chinese or Japanese: the common characters stand in the first rows of the national set."""
    known = frozenset(usual)

    def character(letter: str) -> float:
        if letter in known:
            return _USUAL
        name = unicodedata.name(letter, "")
        if name.startswith(("HIRAGANA", "KATAKANA")):
            return _KANA if kana else _RARE
        if name.startswith(("IDEOGRAPHIC", "FULLWIDTH")):
            return _KANA
        try:
            row = letter.encode(codec)[0]
        except UnicodeEncodeError:
            return _IMPOSSIBLE
        return _COMMON if name.startswith("CJK") and row in common else _RARE

    return lambda word: sum(character(letter) for letter in word if not letter.isascii())


def _hangul() -> Callable[[str], float]:
    known = frozenset(_USUAL_KOREAN)

    def syllable(letter: str) -> float:
        return _USUAL if letter in known else _COMMON if "가" <= letter <= "힣" else _IMPOSSIBLE

    return lambda word: sum(syllable(letter) for letter in word if not letter.isascii())


_LANGUAGES = (
    *(_in_alphabet(script, ranks) for script, ranks in _ALPHABETS),
    _ideographs(_USUAL_JAPANESE, "euc_jp", range(0xB0, 0xD0), kana=True),
    _ideographs(_USUAL_SIMPLIFIED, "gb2312", range(0xB0, 0xD8), kana=False),
    _ideographs(_USUAL_TRADITIONAL, "big5", range(0xA4, 0xC7), kana=False),
    _hangul(),
)

"""Unusual spellings of a number that have exactly one meaning, in the usual spelling.

"1.0D+01" of Fortran, "1.5×10³", digits of any script ("１２", "١٢"), and the text formula '="12"'
that keeps a spreadsheet from changing a cell.  Nothing that may be read in two ways stands here.
"""

from __future__ import annotations

import re
import unicodedata

# The full-width forms of what a number may hold, and the Arabic marks for decimals and thousands.
_MARKS = str.maketrans("＋－−．，％＄￥（）Ｅｅ٫٬٪", "+--.,%$¥()Ee.'%")
_FORMULA = re.compile(r'="([^"]*\d[^"]*)"')
_FORTRAN = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))[dD]([+-][0-9]{1,3})")
_POWER = re.compile(
    r"([+-]?[0-9]+(?:[.,][0-9]+)?)\s?[x×*·]\s?10(?:(?:\^|\*\*)\(?([+-]?[0-9]{1,3})\)?|([⁺⁻]?[⁰¹²³⁴-⁹]+))"
)
_RAISED = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")


def respelled(text: str) -> str:
    """The text with its number in the usual spelling; any other text as it is."""
    if text.startswith('="') and (formula := _FORMULA.fullmatch(text)):
        text = formula[1].strip()
    if not text.isascii():
        text = _with_usual_digits(text)
    if found := _FORTRAN.fullmatch(text):
        return f"{found[1]}e{found[2]}"
    if "10" in text and (found := _POWER.fullmatch(text)):
        return f"{found[1]}e{found[2] or found[3].translate(_RAISED)}"
    return text


def is_respelled(text: str) -> bool:
    """Whether a text has such a spelling; a typographic minus alone is not unusual."""
    bare = text.strip()
    return respelled(bare) != bare.replace("\u2212", "-")


def _with_usual_digits(text: str) -> str:
    """The text with digits of other scripts as 0 to 9, and the marks around them likewise."""
    if not any(letter.isdecimal() and letter > "9" for letter in text):
        return text.replace("\u2212", "-")
    digits = (str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)
    return "".join(digits).translate(_MARKS)

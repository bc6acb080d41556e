"""Units: what a text is that may be a unit, as kg, m/s, kg/m3, [kPa] or (%).

It converts nothing; whether a row holds units is around.py's decision.
"""

from __future__ import annotations

import re

_PREFIX = "(?:da|[YZEPTGMkhdcmµμunpf])?"
_SCALED = (
    "m|g|s|A|K|mol|cd|Hz|N|Pa|J|W|C|V|F|Ohm|ohm|Ω|Ω|S|Wb|T|H|lm|lx|Bq|Gy|Sv|L|l|t|bar|eV|cal|Wh|Nm|"
    "VA|var|Ah|B|bit|pc|rad|sec|M"
)
_ALONE = (
    "min|mins|h|hr|hrs|hour|hours|d|day|days|week|weeks|month|months|y|yr|year|years|a|ha|"
    "atm|psi|psia|psig|ft|feet|in|inch|yd|mi|mile|miles|nmi|lb|lbs|lbf|oz|gal|gpm|cfm|hp|mph|kph|"
    "kn|kt|knots|mmHg|Torr|torr|°C|°F|ºC|ºF|℃|℉|degC|degF|deg|°|rpm|ppm|ppb|ppt|dB|dBm|pH|NTU|PSU|"
    "USD|EUR|GBP|CHF|JPY|AUD|CAD|SEK|NOK|DKK|€|\\$|£|¥|%|‰|px|pcs|persons|count|counts|kgf|"
    "second|seconds|minute|minutes|metre|metres|meter|meters|percent|Euro|kilometers|Stunden|Tage"
)
_POWER = "(?:\\^?[-−]?[0-9]|[²³⁴]|⁻[¹²³⁴]|\\*\\*[-−]?[0-9])?"
_ATOM = f"(?:(?:{_ALONE}|{_PREFIX}(?:{_SCALED})){_POWER}|1|10\\^?[0-9]+)"
_UNIT = re.compile(f"{_ATOM}(?:[ ]?[/*·.×][ ]?{_ATOM}|[ ]{_ATOM})*")
_BRACKETED = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}|<[^<>]*>")
_NONE = frozenset(
    (
        *("", "-", "--", "–", "—", "[]", "()", "1", "[1]", "(1)", "[-]", "(-)", "n/a", "none"),
        *("text", "string", "str", "int", "integer", "float", "double", "number", "numeric"),
        *("bool", "boolean", "flag", "date", "datetime", "time", "category", "label", "name", "id"),
        *("unitless", "dimensionless", "no unit"),
    )
)
_DATE_FORM = re.compile(r"[%ymdhsT:/., -]*(?:yy|dd|hh|%[YmdHMS])[%ymdhsT:/., -]*", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?[0-9][0-9.,' ]*")


def unit_in(text: str) -> str | None:
    """The unit that a text is, without its brackets; None if it is not one.

    "" for what says that there is none: "-", a kind as "text", the form of a date.
    """
    text = text.strip()
    if text.casefold() in _NONE or _DATE_FORM.fullmatch(text):
        return ""
    if _BRACKETED.fullmatch(text):
        inside = text[1:-1].strip()
        return None if _NUMBER.fullmatch(inside) else inside
    return text if _UNIT.fullmatch(text) else None

"""The lists of units: spellings of units, of money, and words that are never units.

unit_spellings.py has the rules that use them.
"""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def _listed(text: str) -> dict[str, str]:
    """spelling -> key of lists such as "key: spelling spelling | key: spelling"."""
    found: dict[str, str] = {}
    for entry in re.split(r"[|\n]", text):
        key, colon, spellings = entry.strip().partition(":")
        if colon:
            for spelling in (key, *spellings.split()):
                found.setdefault(spelling, key)
    return found


# key: its spellings.  Short symbols keep their letter case, words do not.
_SYMBOLS = """
%: ٪ ﹪
‰: | bps: bp | ppm: | ppb: | pp:
mm: MM | cm: CM | dm: | m: | km: KM Km | µm: um | nm: | pm: | Å:
in: " ″ | ft: ' ′ Ft FT | yd: | mi: | nmi: | mil:
mg: MG | g: gr gm gms | kg: KG Kg kgs Kgs KGS KGs | µg: ug mcg | ng: | t: | Mt: | Gt: | lb: lbs LBS Lbs | oz: OZ Oz
ml: mL ML | cl: cL | dl: dL | l: ltr | L: | hl: hL | µl: µL ul uL | gal: | pt: | qt: | fl oz: fl.oz
s: sec secs | ms: | µs: us | ns: | ps: | min: mins | h: hr hrs Hrs | d: | w: wk wks | y: yr yrs Yrs | mo: mos mth mths
A: | mA: | µA: uA | V: | mV: | kV: KV | W: | mW: | kW: KW Kw | MW: | GW: | TW: | MV: | GJ: | PJ: | VA: | kVA: KVA | var: | kvar: | Mvar:
Wh: | kWh: KWH kwh KWh | MWh: | GWh: | J: | kJ: KJ | MJ: | cal: | kcal: Kcal | eV: | keV: | MeV: | BTU: Btu btu
Hz: HZ hz | kHz: KHz | MHz: Mhz MHZ | GHz: Ghz GHZ | rpm: RPM | bpm: | fps: | mph: MPH | kmh: kph km/hr kmph | kn: kt kts
Pa: | hPa: | kPa: KPa | MPa: | GPa: | bar: | mbar: | psi: PSI | psia: | psig: | atm: | mmHg: | cmH2O: | mmH2O: | Torr: torr
°C: ℃ degC | °F: ℉ degF | K: | °: | rad: | mrad: | deg: | C: | F:
N: | kN: | kgf: | lbf: | MN: | Nm: | kNm: | Ω: ohm ohms Ohm | kΩ: kohm kOhm | MΩ: Mohm MOhm | Wb: | mΩ: | nF: | pF: | µF: uF | mH: | µH: uH | T: | mT: | mAh: MAH | Ah:
B: | kB: KB | MB: | GB: Gb | TB: | KiB: | MiB: | GiB: | TiB: | bit: bits | Mbps: Mbit/s | Gbps: Gbit/s | kbps: Kbps | MP: Mpx | px: | dpi: | ppi:
mol: | mmol: | µmol: umol | M: | mM: | µM: uM | nM: | IU: | U: | dB: | dBA: dB(A) | dBm: | lx: lux | lm: | cd: | sr: | Bq: | kBq: | mSv: | µSv: uSv | Gy: | mGy: | Sv: | D: | Da: | kDa: | bp: | kbp: | kcps: | cP: | cSt: | NTU: | PSU: | ppt: | gpm: | cfm: | pH: | mS: | µS: uS | S: | H: | G: | J: | ha: | ac: | sqm: | sqft: sqft. | cc: CC | cu: | bhp: BHP | hp: HP Hp | PS: | CV: | kmpl: | mpg: MPG | MMBtu: | bbl: | bu: | tCO2: | kgCO2: | ct: | x: × X
pcs: pc | pct: | p.a.: | k: | mn: mln mio Mio Mio. | bn: Mrd Mrd. | tsd: Tsd Tsd. | K: | lakh: | crore: | stk: Stk Stk. | Std: Std. | Jh: | vol: | cyl: | hrs: | ea: | doz:
"""
ATTACHED_WEAK = words("A B C D F G H J K L M N S T U X d k s t w x y")
LABEL_LETTERS = words("A B C D F G H J K L M N S T U X °")
"""Units after a blank that may also be parts of labels."""
RAISED = words("m dm cm mm km µm nm in ft yd mi s ms minute hour second")
"""Units that may have a power without another unit: 5 m2, 3 s-1; "5A2" is a label."""

# Words, in any letter case; singular, plural and other languages give one unit.
_WORDS = """
%: percent per-cent percentage prozent pourcent percento
month: months mese mesi monat monate monaten mois mes meses | year: years year-old years-old anno anni jahr jahre jahren an ans année années año años
day: days giorno giorni tag tage tagen jour jours día días dia dias | week: weeks settimana settimane woche wochen semaine semaines semana semanas
hour: hours ora ore stunde stunden heure heures hora horas | minute: minutes minuto minuti minuten minutos
second: seconds secondo secondi sekunde sekunden seconde secondes segundo segundos
millisecond: milliseconds msec | quarter: quarters | decade: decades | night: nights notte notti nacht nächte nuit nuits noche noches
meter: meters metre metres metri metro mètre mètres metros | millimeter: millimeters millimetre millimetres | centimeter: centimeters centimetre centimetres
kilometer: kilometers kilometre kilometres kms chilometri | mile: miles miglia meilen | inch: inches pollici zoll | foot: feet piedi | yard: yards
gram: grams gramme grammes grammi gramm | kilogram: kilograms kilo kilos chili | milligram: milligrams | ton: tons | tonne: tonnes tonnellate tonnen | pound: pounds | ounce: ounces
liter: liters litre litres litri liter | milliliter: milliliters millilitre millilitres | gallon: gallons gal. | barrel: barrels | cup: cups | pint: pints
watt: watts | kilowatt: kilowatts | volt: volts | amp: amps ampere amperes | joule: joules | calorie: calories | kelvin: | newton: newtons | pascal: pascals | hertz:
degree: degrees gradi grad grados | celsius: | fahrenheit: | knot: knots | acre: acres | hectare: hectares ettari hektar
million: millions milioni millionen | billion: billions miliardi milliarden | thousand: thousands mille | trillion: trillions | dozen: dozens
piece: pieces pezzi stück pièces piezas | unit: units unità einheiten | item: items | person: persons people persone personen personnes personas
star: stars stelle sterne étoiles estrellas | point: points pts punti punkte | vote: votes | time: times volte mal fois veces
room: rooms | bed: beds | bedroom: bedrooms | bath: baths | bathroom: bathrooms | seat: seats | door: doors | cylinder: cylinders | passenger: passengers
page: pages | word: words | byte: bytes | pixel: pixels | megapixel: megapixels | cell: cells | copy: copies | case: cases | kilobyte: kilobytes | megabyte: megabytes | gigabyte: gigabytes
dollar: dollars | euro: euros | cent: cents | franc: francs franken | yen: | basis-point: basis-points
square meter: square-meters square-metre square-metres | square foot: square-feet | square inch: square-inches | square mile: square-miles | square kilometer: square-kilometers square-kilometres
cubic meter: cubic-meters cubic-metre cubic-metres | cubic foot: cubic-feet | cubic inch: cubic-inches | cubic centimeter: cubic-centimeters cubic-centimetres
fl oz: fluid-ounce fluid-ounces fl-oz | nautical mile: nautical-miles | light year: light-years | metric ton: metric-tons | short ton: short-tons | us dollar: us-dollars
mmHg: mm-hg | us gal: us-gallon us-gallons | °C: deg-c degrees-celsius degree-celsius degrees-c | °F: deg-f degrees-fahrenheit degrees-f | man hour: man-hours | light hour: light-hours
"""

_SAME = """
month: mo | year: y | week: w | hour: h hrs Std | day: d | minute: min | second: s | %: pct
piece: pcs stk | pound: lb | ounce: oz | m2: sqm square-meter | ft2: sqft square-foot
l: L liter | m: meter | km: kilometer | mm: millimeter | cm: centimeter | in: inch | ft: foot
g: gram | kg: kilogram | mg: milligram | ml: milliliter | W: watt | V: volt | kW: kilowatt
Hz: hertz | K: kelvin | A: amp | J: joule | °C: celsius | °F: fahrenheit | EUR: euro
m3: cubic-meter | cm3: cubic-centimeter | km/hour: kmh | mi: mile | yd: yard | CNY: RMB
USD: us-dollar | knot: kn | bps: basis-point | million: mn | billion: bn | °: deg degree
ac: acre | ha: hectare | t: tonne metric-ton | N: newton | Pa: pascal | ms: millisecond | cup:
x:
"""

SIGNS_OF_MONEY = {
    "€": "EUR", "£": "GBP", "¥": "¥", "￥": "¥", "$": "$", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY",
    "₫": "VND", "₴": "UAH", "₦": "NGN", "₱": "PHP", "฿": "THB", "₪": "ILS", "₸": "KZT", "₲": "PYG", "₡": "CRC",
    "¢": "¢", "US$": "USD", "U$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD",
    "HK$": "HKD", "S$": "SGD", "NT$": "TWD", "R$": "BRL", "MX$": "MXN", "Fr.": "CHF", "SFr.": "CHF", "Rs": "Rs",
    "Rs.": "Rs", "kr": "kr", "kr.": "kr", "zł": "PLN", "Kč": "CZK", "lei": "RON", "₿": "BTC", "BTC": "BTC",
}  # fmt: skip
MONEY_CODES = words(
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HRK HUF IDR ILS INR ISK JPY "
    "KES KRW KZT MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RMB RON RUB SAR SEK SGD THB TRY TWD UAH USD "
    "UYU VND ZAR"
)
AFTER_ONLY = frozenset(("PEN", "TRY", "RON", "COP"))
"""Codes that are also English words or names: they are money only after the number."""

ROW_ONLY = words("a count counts persons")
"""Words that are units only in a row of units."""
NO_UNIT = frozenset(
    (
        *("", "-", "--", "–", "—", "[]", "()", "1", "[1]", "(1)", "[-]", "(-)", "n/a", "none"),
        *("text", "string", "str", "int", "integer", "float", "double", "number", "numeric"),
        *("bool", "boolean", "flag", "date", "datetime", "time", "category", "label", "name", "id"),
        *("unitless", "dimensionless", "no unit"),
    )
)
"""Words in a row of units for a column without a unit."""
NEVER = words(
    "st nd rd th er ère ere ème eme bis ter am pm noon o'clock uhr alpha beta rc dev final release edition "
    "version of to at on or and by for the per an is as no nr id bc ad ce bce vs "
    # months and days of the week, in five languages
    "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august "
    "september october november december gennaio febbraio marzo aprile maggio giugno luglio agosto settembre "
    "ottobre novembre dicembre gen mag giu lug ago set ott dic januar februar märz mai juni juli oktober "
    "dezember okt dez janvier février mars avril juin juillet août septembre octobre novembre décembre janv "
    "févr juil enero febrero abril mayo junio julio septiembre octubre noviembre diciembre ene abr "
    "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday"
)
SCALED = re.compile(
    "[PTGMkhdcmµunp](?:m|g|s|Nm|bit|var|A|K|mol|Hz|N|Pa|J|W|V|F|Ω|Ohm|S|Wb|T|H|lm|lx|Bq|Gy|Sv|L|l|bar|eV|cal|Wh|Ah|VA)"
)
SCALES = words("k K M m B b bn mn mln mio million billion thousand lakh crore")
KNOWN = _listed(_SYMBOLS)
KNOWN_WORDS = {spelling.replace("-", " "): key for spelling, key in _listed(_WORDS).items()}
SAME = {
    spelling.replace("-", " "): key.replace("-", " ") for spelling, key in _listed(_SAME).items()
}
"""key -> the key of the same unit written in full or as a symbol."""

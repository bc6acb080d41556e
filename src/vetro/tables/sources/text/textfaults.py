"""Places in a delimited text: the lines of rows, and the place of a fault.

Python's csv module reads the file only on demand: to name a line in a message, or after DuckDB
refused the file.  This module reads no values.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vetro.errors import Words, counted, error, words
from vetro.tables.sources.head import Head
from vetro.tables.sources.text import dialect as dialects
from vetro.tables.sources.text import encodings

LONGEST_FIELD = 1 << 20


@dataclass(frozen=True, eq=False)
class TextFile:
    """A UTF-8 text with its separator; width: the header's number of fields.

    skips: whether rows with another number of fields are left out.  nameless: the positions of
    fields without a name, which are empty in every row.  short: how many of them, at the end, a
    row may lack.  top: the line of the header.  decoded: the file before lines were left out.
    """

    path: Path
    source: str
    sep: str
    header: bool
    width: int = 0
    skips: bool = False
    nameless: tuple[int, ...] = ()
    short: int = 0
    top: int = 1
    decoded: Path | None = None

    def with_head(self, head: Head) -> TextFile:
        """The same file once its columns are known, and that fields without a name are empty."""
        short = head.spare if head.short else 0
        top = head.header.line if head.header is not None else 1
        return replace(self, nameless=head.nameless, short=short, top=top)

    def records(self, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
        """Each record that is not blank, with the line on which it starts.

        strict: csv.Error for a quote that is never closed.
        """
        if self.sep in dialects.BLANKS:
            with self.path.open(encoding="utf-8-sig", newline=None) as file:
                for line, text in enumerate(file, 1):
                    if fields := dialects.split_blanks(text, self.sep):
                        yield line, fields
            return
        before = csv.field_size_limit(16 * LONGEST_FIELD)
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(
                    file, delimiter=self.sep, quotechar=dialects.QUOTE, strict=strict
                )
                line = 1
                for fields in reader:
                    if fields:
                        yield line, fields
                    line = reader.line_num + 1
        finally:
            csv.field_size_limit(before)

    def place_of(self, row: int) -> str:
        """The line on which a row (counted from 0) starts, as "line 9"."""
        at = -1 if self.header else 0
        for line, fields in self.records():
            if at < 0:
                at = 0
                continue
            if self.skips and not self.fits(fields):
                continue
            if self.width == 1 and not fields[0]:
                continue
            if at == row:
                return f"line {line}"
            at += 1
        return f"row {row + 1}"

    def explain(self, failure: Exception) -> Exception:
        """The error to raise for a failure of DuckDB on this file."""
        wrong = encodings.encoding_error(self.decoded or self.path, self.source, "utf-8")
        if wrong is not None:
            return wrong
        try:
            self.refuse_quotes_and_lengths()
            self.refuse_wrong_widths()
        except (csv.Error, UnicodeError):
            pass
        except Exception as found:
            return found
        return failure

    def fits(self, fields: list[str]) -> bool:
        """Whether a record has as many fields as the header has names, nameless ones apart."""
        if self.short and len(fields) == self.width - self.short:
            fields = [*fields, *[""] * self.short]
        return len(fields) == self.width and not any(fields[at] for at in self.nameless)

    def refuse_wrong_widths(self) -> None:
        """E108 for the first record that has more or fewer fields than the header."""
        records = self.records()
        before = 0
        for line, fields in records:
            if self.fits(fields):
                before += 1
                continue
            if len(fields) == self.width and (gap := self._filled_gap(fields)) is not None:
                raise error("E131", source=self.source, line=self.top, position=gap + 1)
            after = [self.fits(later) for _, later in records]
            named = self.width - len(self.nameless)
            raise error(
                "E108",
                source=self.source,
                line=line,
                found=counted(len(fields), "field"),
                expected=self.width if len(fields) == named else named,
                fix=self._width_fix(fields, before, after),
            )

    def _filled_gap(self, fields: list[str]) -> int | None:
        """The first position between the columns with a value and without a name."""
        named = set(range(self.width)) - set(self.nameless)
        gaps = (at for at in self.nameless if at < max(named) and fields[at])
        return next(gaps, None)

    def _width_fix(self, fields: list[str], before: int, after: list[bool]) -> Words:
        """The fix for a record that does not fit, after `before` records that fit.

        It proposes to skip rows only if few of many are wrong.
        """
        mark = "tab" if self.sep == "\t" else f'"{self.sep}"'
        one_more = len(fields) == self.width + 1 and fields[-1] == ""
        comment = fields[0].lstrip()[:1]
        if any(field.startswith(" ") and field.lstrip()[:1] == dialects.QUOTE for field in fields):
            return words("Remove the blanks before the opening quotes.")
        if comment in ("#", "%", "!"):
            return words("Use {=comment mark} if it is a comment.", mark=comment)
        if before <= 1 and after and not any(after):
            if one_more:
                return words("Remove the {mark} at the end of each row.", mark=mark)
            return words(
                "Name every column in the header, quote values that contain {mark}, or use "
                "{=skip_rows} if a title stands above the header.",
                mark=mark,
            )
        if before > 2 and not any(after) and (after or len(fields) < self.width):
            return words(
                "Use {=skip_footer count} if the table ends above it, or fill the row up.",
                count=1 + len(after),
            )
        if one_more:
            text = "Remove the {mark} at the end of each row, or use {=bad_rows skip}."
        elif len(fields) < self.width:
            text = "Fill the row up, or use {=bad_rows skip}."
        else:
            text = "Quote values that contain {mark}, or use {=bad_rows skip}."
        return words(text, mark=mark)

    def refuse_quotes_and_lengths(self) -> None:
        """Check the quotes: E109 for one that is never closed, E111 for text after a closed one."""
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            quoted = False
            begun = length = field = 0
            for line, text in enumerate(file, 1):
                if dialects.QUOTE not in text and not quoted:
                    self._refuse_length(text.split(self.sep), line)
                    continue
                at, position = 0, 1
                while at < len(text):
                    if not quoted:
                        begun, length = line, 0
                        if text[at] == dialects.QUOTE:
                            quoted, field, at = True, position, at + 1
                    start = at
                    if quoted:
                        at = _closing_quote(text, at)
                        if at == len(text):
                            length += at - start
                            break
                        quoted, at = False, at + 1
                        self._refuse_text_after_quote(text[at : at + 1], line)
                    at = end if (end := text.find(self.sep, at)) >= 0 else len(text)
                    length += at - start
                    if length > LONGEST_FIELD:
                        raise self._too_long(begun)
                    at, position = at + 1, position + 1
            if quoted:
                raise error("E109", source=self.source, line=begun, position=field)

    def _refuse_text_after_quote(self, after: str, line: int) -> None:
        if after not in ("", self.sep, "\r", "\n"):
            what = "text follows the closing quote of a value"
            fix = "Write a quote inside a value twice."
            raise error("E111", source=self.source, line=line, what=what, fix=fix)

    def _refuse_length(self, fields: list[str], line: int) -> None:
        if sum(map(len, fields)) + len(fields) > LONGEST_FIELD:
            raise self._too_long(line, field=max(map(len, fields)) > LONGEST_FIELD)

    def _too_long(self, line: int, field: bool = True) -> Exception:
        return error(
            "E111",
            source=self.source,
            line=line,
            what=f"{'a field' if field else 'the line'} exceeds 1 MiB",
            fix="Check for a missing quote.",
        )


def _closing_quote(text: str, at: int) -> int:
    """The place of the quote that closes a field; the length of the text if none does."""
    while (found := text.find(dialects.QUOTE, at)) >= 0:
        if text[found + 1 : found + 2] != dialects.QUOTE:
            return found
        at = found + 2
    return len(text)


def nul_error(path: Path, source: str, offset: int) -> Exception:
    """E111 for a NUL byte at an offset."""
    with path.open("rb") as file:
        before = file.read(offset)
        file.seek(0)
        wide = encodings.wide_encoding(file.read(dialects.HEAD_BYTES))
    what, fix = "a value holds a NUL byte", words("Remove it.")
    if wide:
        what = f"NUL bytes stand between the letters: the file is {wide.upper()} without a mark"
        fix = words("Use {=encoding wide}.", wide=wide)
    return error("E111", source=source, line=before.count(b"\n") + 1, what=what, fix=fix)

"""The `$filter` of listings: `key eq 'value' and other ne 'value'`, on metadata.

or-expression   := and-expression ("or" and-expression)*
and-expression  := comparison ("and" comparison)*
comparison      := "(" or-expression ")" | key ("eq" | "ne") 'text'     a quote in a text is doubled
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cvsync.emulator.errors import ServiceFault

# A parenthesis belongs to no key; a key with spaces cannot be asked for, as the form has no quotes for it.
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<mark>[()])|(?P<word>[^\s()']+))")
_MAX_FILTER = 8_000  # characters; bounds the depth of the parse


@dataclass(frozen=True)
class Clause:
    """A condition on the images table."""

    sql: str
    parameters: tuple[str, ...] = ()


def parse(text: str) -> Clause:
    """Translate a filter. spec: the published example starts with a literal `metadata=`."""
    body = text.strip().removeprefix("metadata=")
    if len(body) > _MAX_FILTER:
        raise _refusal(text)
    parser = _Parser(_tokens(body, text), text)
    clause = parser.either()
    if parser.tokens:
        raise _refusal(text)
    return clause


def _tokens(body: str, text: str) -> list[str]:
    tokens, position = [], 0
    body = body.rstrip()
    while position < len(body):
        match = _TOKEN.match(body, position)
        if match is None:
            raise _refusal(text)
        tokens.append(match[0].strip() if match["text"] is None else match["text"])
        position = match.end()
    return tokens[::-1]


def _refusal(text: str) -> ServiceFault:
    return ServiceFault("BadRequest", f"The filter is not understood: {text[:200]}")


class _Parser:
    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.depth = 0

    def either(self) -> Clause:
        clause = self.both()
        while self._take_word("or"):
            clause = self._join(clause, "OR", self.both())
        return clause

    def both(self) -> Clause:
        clause = self.comparison()
        while self._take_word("and"):
            clause = self._join(clause, "AND", self.comparison())
        return clause

    def comparison(self) -> Clause:
        token = self._next()
        if token == "(":  # noqa: S105 - a parenthesis
            return self._group()
        operator, value = self._next().lower(), self._next()
        if operator not in ("eq", "ne") or token[0] in "')" or value[0] != "'":
            raise _refusal(self.text)
        negation = "NOT " if operator == "ne" else ""  # inferred: an image without the key is "ne" too
        return Clause(
            f"pk {negation}IN (SELECT image FROM metadata WHERE key = ? AND value = ?)",  # noqa: S608
            (token, value[1:-1].replace("''", "'")),
        )

    def _group(self) -> Clause:
        self.depth += 1
        if self.depth > 50:
            raise _refusal(self.text)
        clause = self.either()
        if self._next() != ")":
            raise _refusal(self.text)
        self.depth -= 1
        return clause

    def _next(self) -> str:
        if not self.tokens:
            raise _refusal(self.text)
        return self.tokens.pop()

    def _take_word(self, word: str) -> bool:
        if self.tokens and self.tokens[-1].lower() == word:
            self.tokens.pop()
            return True
        return False

    @staticmethod
    def _join(left: Clause, word: str, right: Clause) -> Clause:
        return Clause(f"({left.sql} {word} {right.sql})", left.parameters + right.parameters)

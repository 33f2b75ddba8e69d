"""Which posts speak of children, by their captions and hashtags: one SQL expression made of reviewed words.

Nobody can say from a caption whether a child is in a video. This finds those that say so themselves, and is careful: it
rather loses a post than keeps one of a child.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_UNSPACED = ("zh", "ja", "ko", "th")
"""Languages whose words are not set apart by spaces, or take their endings without one."""
_EDGE = r"[^\pL\pM\pN]"
"""What stands beside a word. RE2's own `\\b` knows ASCII alone, and would end "bébé" after its b."""
_AGE = "(?:1[0-7]|[1-9])"
_WRITTEN = "lower(concat(caption, ' #', array_to_string(hashtags, ' #')))"
_TO_COMPOSE = r"[\pM\x{958}-\x{95F}\x{1100}-\x{11FF}]"
_TEXT = f"if(regexp_matches({_WRITTEN}, '{_TO_COMPOSE}'), nfc_normalize({_WRITTEN}), {_WRITTEN})"
"""What is searched. Composing letters takes longer than all else, so it is for texts with marks to compose, letters
of Hindi that are written in two ways, or syllables of Korean in pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinorWords:
    """Words that speak of children, by language; `{age}` in one is a number from 1 to 17."""

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Terms that count where they are a whole word or a whole hashtag."""
    starts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Terms that count where a word or a hashtag begins with them."""
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Terms that count anywhere in the text."""
    harmless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Terms that are taken out of the text before the others are looked for."""

    def __post_init__(self) -> None:
        for form in (self.words, self.starts, self.parts, self.harmless):
            for language, words in form.items():
                if empty := [word for word in words if not any(c.isalpha() for c in word)]:
                    raise ValueError(f"'{empty[0]}' of language {language} has no letter: it would match every post")
        if not any((*self.words.values(), *self.starts.values(), *self.parts.values())):
            raise ValueError("no word in it: the rule would leave no post out")


def mentions_sql(words: MinorWords) -> str:
    """An SQL expression over `caption` and `hashtags`: 1 where one of the words is in them, else 0."""
    begins = f"(?:^|{_EDGE})"
    ways = {
        "{}": _either(_every(words.parts), after_any=True),
        f"{begins}{{}}": _either(_every(words.starts)),
        f"{begins}{{}}(?:$|{_EDGE})": _either(_every(words.words)),
    }
    pattern = _quoted("|".join(way.format(either) for way, either in ways.items() if either))
    text = _TEXT
    if spaced := _either(w for language, ws in words.harmless.items() if language not in _UNSPACED for w in ws):
        text = f"regexp_replace({text}, {_quoted(f'{begins}{spaced}(?:$|{_EDGE})')}, ' ', 'g')"
    if unspaced := _either(w for language in _UNSPACED for w in words.harmless.get(language, ())):
        text = f"regexp_replace({text}, {_quoted(unspaced)}, ' ', 'g')"
    # Nearly all posts have none of the words, and are done with after the first search.
    return f"CASE WHEN regexp_matches({_TEXT}, {pattern}) THEN regexp_matches({text}, {pattern})::INTEGER ELSE 0 END"


def _every(form: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    return (word for words in form.values() for word in words)


def _either(words: Iterable[str], *, after_any: bool = False) -> str:
    """A group that matches each of the words, in a fixed order; empty where there is none."""
    patterns = sorted({_pattern(word, after_any=after_any) for word in words})
    return f"(?:{'|'.join(patterns)})" if patterns else ""


def _pattern(word: str, *, after_any: bool) -> str:
    """A word as RE2 takes it: a space is any run of spaces, hyphens, underscores and joiners, or nothing."""
    folded = unicodedata.normalize("NFC", word.lower())
    pattern = r"[\s_\x{200C}\x{200D}-]*".join(re.escape(piece) for piece in folded.split())
    age = rf"(?:^|[^\pN]){_AGE}" if after_any else _AGE
    return pattern.replace(re.escape("{age}"), age)


def _quoted(pattern: str) -> str:
    return "'" + pattern.replace("'", "''") + "'"

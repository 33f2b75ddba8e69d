"""Other forms of the words that name a class: inflected, in another order, run together.

Rules without a dictionary: English inflection is guessed, doubled consonants and dropped letters both ways, so some
forms are no words. That costs nothing, since only a tag that was seen on posts is taken up; what no rule can guess
stands in a short table.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

_SMALL_WORDS = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"})
_VOWELS = "aeiou"
_MIN_LETTERS = 4
"""A shorter form is an abbreviation of something else more often than not."""
_PLURALS = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "mouse": "mice", "knife": "knives", "leaf": "leaves", "shelf": "shelves", "wolf": "wolves",
    "calf": "calves", "loaf": "loaves", "half": "halves", "ox": "oxen",
}  # fmt: skip
_SHORT_VERB = re.compile(r"(?:qu|[^aeiou])*[aeiou][^aeiouwxyh]")
_WANTS_E = re.compile(r"(?:[bcdfgkpstz]l|dg|[cuvz])$")
"""What a verb without its last letter ends in: cycl, dodg, danc, div."""
_SINGULARS = {many: one for one, many in _PLURALS.items()}


def forms(names: Mapping[str, Sequence[str]]) -> list[tuple[str, str, int]]:
    """(tag, class id, rank from 0) of the forms of each class's names, the plainest first.

    `names`: by class id, names and tags; words stand apart where it is known where they end. A form that several
    classes share, or that is a name of another, tells none of them.

    >>> [tag for tag, _, _ in forms({"jump-rope": ["jump rope"]})[:4]]
    ['jumprope', 'ropejump', 'ropejumping', 'jumpingrope']
    """
    of_class = {class_id: _unique(form for name in given for form in _of(name)) for class_id, given in names.items()}
    num = Counter(form for made in of_class.values() for form in made)
    return [(form, c, rank) for c, made in of_class.items() for rank, form in enumerate(made) if num[form] == 1]


@functools.lru_cache(maxsize=1 << 16)
def _of(name: str) -> tuple[str, ...]:
    """Nothing for what is not written in plain Latin letters: its rules are others."""
    words = name.lower().replace("-", " ").split()
    if len("".join(words)) < 3 or not all(word.isascii() and word.isalpha() for word in words):
        return ()
    full = [word for word in words if word not in _SMALL_WORDS] or words
    made = ["".join(words), "".join(full), *(_ordered(full) if len(full) > 1 else _inflected(full[0]))]
    return tuple(form for form in _unique(made) if len(form) >= _MIN_LETTERS)


def _inflected(word: str) -> Iterator[str]:
    """A single word's; not the bare verb of an -ing form, which is a thing more often: `box`, `bowl`, `fence`."""
    verbs = _verbs(word)
    if not verbs:
        yield from (_plural(word), _singular(word))
        verbs = [_singular(word)]
    for verb in verbs:
        yield from (_ing(verb), _er(verb), _plural(_er(verb)))


def _ordered(words: list[str]) -> Iterator[str]:
    """The verb, which is the word in -ing or else each in turn, before and after the rest, in all its forms."""
    acting = [i for i, word in enumerate(words) if _verbs(word)] or list(range(len(words)))
    for place in acting:
        rest = "".join(words[:place] + words[place + 1 :])
        for verb in _verbs(words[place]) or [_singular(words[place])]:
            for doing in (words[place], _ing(verb), verb):
                yield from (rest + doing, doing + rest)
            yield from (rest + _er(verb), rest + _plural(_er(verb)))
    whole = "".join(words)
    yield from (_plural(whole), _singular(whole))


def _verbs(word: str) -> list[str]:
    """What an -ing form may be made of, the likeliest first; nothing for other words."""
    stem = word.removesuffix("ing")
    if stem == word or len(stem) < 2:
        return []
    undoubled = [stem[:-1]] if stem[-1] == stem[-2] and stem[-1] not in _VOWELS else []
    plain = [stem + "e", stem] if _WANTS_E.search(stem) else [stem, stem + "e"]
    lying = [stem[:-1] + "ie"] if len(stem) == 2 else []
    return [verb for verb in [*lying, *undoubled, *plain] if _ing(verb) == word]


def _ing(verb: str) -> str:
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    return _doubled(verb) + "ing"


def _er(verb: str) -> str:
    return verb + "r" if verb.endswith("e") else _doubled(verb) + "er"


def _doubled(verb: str) -> str:
    """`squat` to `squatt`: the last consonant of a verb with one syllable, after one vowel."""
    return verb + verb[-1] if _SHORT_VERB.fullmatch(verb) else verb


def _plural(noun: str) -> str:
    for one, many in _PLURALS.items():
        if noun.endswith(one):
            return noun.removesuffix(one) + many
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in _VOWELS else noun + "s"


def _singular(noun: str) -> str:
    """Itself where it is no plural."""
    for many, one in _SINGULARS.items():
        if noun.endswith(many):
            return noun.removesuffix(many) + one
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("ses", "xes", "zes", "ches", "shes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) else noun


def _unique(made: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(made))

"""Make other forms of the words that name a class: inflected, in another order, run together.

There is no dictionary. English inflection is guessed: where a consonant may be doubled or a letter dropped, both forms
are made, so some of them are no words. These cost nothing, since a form is claimed only if posts carry it as a tag. A
short table has what no rule can guess.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

_SMALL_WORDS = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"})
_VOWELS = "aeiou"
_MIN_LETTERS = 4
"""Letters that a form needs at least: a shorter one mostly abbreviates something else. A guess."""
_MIN_LETTERS_OF_NAME = 3
"""Letters that a name needs at least for forms to be made of it: two letters have no inflection."""
_MIN_LETTERS_OF_STEM = 2
"""Letters before -ing that a verb has at least: `ing` and `king` are no verbs' forms."""
_PLURALS = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "mouse": "mice", "knife": "knives", "leaf": "leaves", "shelf": "shelves", "wolf": "wolves",
    "calf": "calves", "loaf": "loaves", "half": "halves", "ox": "oxen",
}  # fmt: skip
# Consonants (qu is one), one vowel, one consonant that English doubles: run, swim, quit; not row, fix, play.
_SHORT_VERB = re.compile(r"(?:qu|[^aeiou])*[aeiou][^aeiouwxyh]")
_WANTS_E = re.compile(r"(?:[bcdfgkpstz]l|dg|[cuvz])$")
"""Endings of a stem that lost an e before -ing: cycl, dodg, danc, div."""
_SINGULARS = {many: one for one, many in _PLURALS.items()}


def forms(names: Mapping[str, Sequence[str]]) -> list[tuple[str, str, int]]:
    """(tag, class id, rank from 0) of the forms of each class's names, the plainest first.

    `names`: names and tags by class id, with a space between words where it is known that one ends. A form that two
    classes have in common tells neither of them, and is left out.

    >>> [tag for tag, _, _ in forms({"jump-rope": ["jump rope"]})[:4]]
    ['jumprope', 'ropejump', 'ropejumping', 'jumpingrope']
    """
    of_class = {class_id: _unique(form for name in given for form in _of(name)) for class_id, given in names.items()}
    num = Counter(form for made in of_class.values() for form in made)
    return [(form, c, rank) for c, made in of_class.items() for rank, form in enumerate(made) if num[form] == 1]


@functools.lru_cache(maxsize=1 << 16)
def _of(name: str) -> tuple[str, ...]:
    """Forms of one name, the plainest first.

    A name that is not in plain Latin letters has none: its language inflects otherwise.
    """
    words = name.lower().replace("-", " ").split()
    if len("".join(words)) < _MIN_LETTERS_OF_NAME or not all(word.isascii() and word.isalpha() for word in words):
        return ()
    full = [word for word in words if word not in _SMALL_WORDS] or words
    made = ["".join(words), "".join(full), *(_ordered(full) if len(full) > 1 else _inflected(full[0]))]
    return tuple(form for form in _unique(made) if len(form) >= _MIN_LETTERS)


def _inflected(word: str) -> Iterator[str]:
    """Forms of a single word.

    The bare verb of an -ing form is left out, since it names a thing more often: `box`, `bowl`, `fence`.
    """
    verbs = _verbs(word)
    if not verbs:
        yield from (_plural(word), _singular(word))
        verbs = [_singular(word)]
    for verb in verbs:
        yield from (_ing(verb), _er(verb), _plural(_er(verb)))


def _ordered(words: list[str]) -> Iterator[str]:
    """Forms of several words: the verb in all its forms, before and after the rest.

    The verb is the word in -ing. If no word ends so, each word in turn is taken for it.
    """
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
    """Verbs that an -ing form may be made of, the likeliest first; none for other words."""
    stem = word.removesuffix("ing")
    if stem == word or len(stem) < _MIN_LETTERS_OF_STEM:
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
    """Singular of a noun; the noun itself where it is no plural."""
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

"""English words by which a prompt names a child: a prompt pulls frames towards what it says, so few classes may.

The list prefers to refuse: whoever writes "girl group" can write "pop group", and CLIP reads the noun. Where
the same word means something else (a goat's kid, a minor chord), the phrase is listed and passes.
"""

import re

_WORDS = (
    "child children childhood kid kids kiddo kiddos boy boys girl girls baby babies infant infants newborn newborns",
    "toddler toddlers pupil pupils preschooler preschoolers preschool kindergarten kindergartener kindergarteners",
    "kindergartner kindergartners teen teens teenage teenaged teenager teenagers tween tweens preteen preteens",
    "youngster youngsters minor minors underage juvenile juveniles adolescent adolescents schoolboy schoolboys",
    "schoolgirl schoolgirls schoolchild schoolchildren schoolkid schoolkids schoolmate schoolmates schoolyard",
    "classmate classmates daughter daughters son sons grandchild grandchildren grandson grandsons granddaughter",
    "granddaughters grandkid grandkids stepson stepsons stepdaughter stepdaughters godchild godson goddaughter",
    "tot tots lad lads laddie lass lasses lassie babygirl babyboy girlhood boyhood crybaby orphan orphans",
)
_PHRASES = (
    r"little ones?",
    r"(?:high|middle|primary|elementary|junior|nursery|grade|infant)[ -]schools?(?:ers?)?",
)
_OTHER_THINGS = (
    r"kid(?:skin)? (?:gloves?|leather)",
    r"goat(?:'s)? kids?",
    r"kid goats?",
    r"baby goats?",
    r"baby's[ -]breath",
    r"baby (?:carrots?|corn|spinach|potato(?:es)?|tomato(?:es)?|leaf|leaves|greens|grand|blue|pink|oil)",
    r"baby freezes?",
    r"minor (?:chords?|keys?|scales?|thirds?|sixths?|sevenths?|pentatonic|repairs?|scratch(?:es)?|leagues?|piece)",
    r"[a-g](?: flat| sharp)? minor",
    r"(?:dilated|wide) pupils?",
    r"pupils? of (?:an|the|one|each) eyes?",
)
_NAMES_A_CHILD = re.compile(
    rf"\b(?:{'|'.join([*_PHRASES, *(word for line in _WORDS for word in line.split())])})\b", re.IGNORECASE
)
_SOMETHING_ELSE = re.compile(rf"\b(?:{'|'.join(_OTHER_THINGS)})\b", re.IGNORECASE)


def word_for_a_child(text: str) -> str | None:
    """The first word of an English text that names a child, as it is written there; None where there is none.

    >>> word_for_a_child("two boys on a swing"), word_for_a_child("a cowboy plays a minor chord on a baby grand")
    ('boys', None)
    """
    found = _NAMES_A_CHILD.search(_SOMETHING_ELSE.sub(" ", text.replace("\u2019", "'")))
    return found.group() if found else None

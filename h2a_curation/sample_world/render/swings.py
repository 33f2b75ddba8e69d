"""Actions with something long in the hands: golf, baseball, tennis, archery."""

import cmath
import itertools
import math

from h2a_curation.sample_world.render.body import Appearance, Bends, draw_arm, draw_person, draw_trunk, pose
from h2a_curation.sample_world.render.pen import Pen, oval, shade

_WHITE = (245, 245, 245)
_STEEL = (190, 195, 205)


def _keyed(beat: float, keys: list[tuple[float, float]]) -> float:
    """A value that eases between (beat, value) keys, the first at 0, the last at 1."""
    for (start, low), (end, high) in itertools.pairwise(keys):
        if beat <= end:
            part = (beat - start) / (end - start)
            return low + (high - low) * (0.5 - 0.5 * math.cos(math.pi * part))
    return keys[-1][1]


def golf_swing(pen: Pen, look: Appearance, time_s: float) -> None:
    """Bent over a long thin club that swings down to a ball on the ground; a flag behind."""
    pen.poly(oval(0.05 - 0.01j, 0.62, 0.07), shade((70, 150, 60), look.between(4, 0.6, 1.3)))
    pen.line((0.56 + 0j, 0.56 + 0.8j), 0.016, _WHITE)
    pen.poly((0.56 + 0.8j, 0.56 + 0.62j, 0.36 + 0.71j), look.props[0])
    swing = _keyed(
        look.beat(time_s, 2.6), [(0, 0), (0.25, 0.1), (0.5, -2.9), (0.62, 0.0), (0.75, 2.6), (0.92, 2.7), (1, 0)]
    )
    lean = 0.5 - 0.12 * min(1.0, abs(swing))
    arms = cmath.rect(0.29, -math.pi / 2 + 0.35 + swing * 0.85)
    grip = complex(0.12, 0.72) + arms
    person = pose(
        complex(-0.06, 0.45), lean, hands=(grip, grip + 0.02j), feet=(-0.12 + 0j, 0.14 + 0j), spread=0.5, nod=0.35
    )
    club = cmath.rect(0.46, -math.pi / 2 + 0.25 + swing * 1.15)
    head = person.hands[0] + club
    pen.disc(0.33 + 0.022j, 0.024, _WHITE)
    draw_person(pen, look, person)
    pen.line((person.hands[0], head), 0.017, _STEEL)
    side = club / abs(club) * 1j
    pen.limb(head, head + side * 0.07, 0.035, 0.045, (60, 60, 66))


def baseball_swing(pen: Pen, look: Appearance, time_s: float) -> None:
    """A thick bat held up behind the helmet, then swung level at a ball in the air; a home plate on the ground."""
    plate = shade(_WHITE, 0.95)
    pen.poly((0.16 + 0.0j, 0.42 + 0.0j, 0.46 - 0.04j, 0.29 - 0.08j, 0.12 - 0.04j), plate)
    swing = _keyed(look.beat(time_s, 2.2), [(0, 0), (0.4, 0.12), (0.55, 1.0), (0.7, 1.75), (0.85, 1.8), (1, 0)])
    shoulder_turn = complex(
        -0.14 + 0.34 * min(swing, 1.0) - 0.3 * max(0.0, swing - 1.0), 0.76 - 0.1 * math.sin(swing * 1.6)
    )
    person = pose(
        complex(-0.04 + 0.05 * min(swing, 1), 0.43),
        0.16,
        hands=(shoulder_turn, shoulder_turn + 0.03),
        feet=(-0.2 + 0j, 0.22 + 0j),
        spread=0.6,
        bends=Bends(knees=(-1, 1), elbows=(-1, -1)),
    )
    angle = _keyed(min(swing, 1.8) / 1.8, [(0, 2.0), (0.55, 0.05), (1, -3.4)])
    grip = person.hands[0]
    bat = cmath.rect(0.5, angle)
    ball_gap = abs(look.beat(time_s, 2.2) - 0.5)
    pen.disc(complex(0.42 + 1.2 * min(0.22, ball_gap), 0.6), 0.03, _WHITE)
    draw_trunk(pen, look, person)
    draw_arm(pen, look, person, 1)
    wood = ((196, 150, 90), (60, 58, 62), (170, 60, 50))[int(look.style[1] * 3)]
    pen.limb(grip - bat * 0.1, grip + bat * 0.45, 0.028, 0.045, wood)
    pen.limb(grip + bat * 0.4, grip + bat, 0.045, 0.078, wood)
    draw_arm(pen, look, person, 0)
    _helmet(pen, look, person.head)


def _helmet(pen: Pen, look: Appearance, head: complex) -> None:
    pen.poly(oval(head, 0.085, 0.085, start=0.0, end=math.pi), look.props[0])
    pen.limb(head + 0.05 + 0.01j, head + 0.15 + 0.0j, 0.03, 0.02, look.props[0])
    pen.limb(head - 0.055 + 0.01j, head - 0.05 - 0.05j, 0.06, 0.05, look.props[0])


def tennis_serve(pen: Pen, look: Appearance, time_s: float) -> None:
    """A strung racket reaching up to a yellow ball overhead; a net to one side."""
    net = (225, 225, 225)
    for step in range(6):
        pen.line((complex(0.3 + 0.07 * step, 0), complex(0.3 + 0.07 * step, 0.33)), 0.008, net)
    for step in range(4):
        pen.line((complex(0.28, 0.08 * step + 0.02), complex(0.68, 0.08 * step + 0.02)), 0.008, net)
    pen.limb(0.28 + 0.34j, 0.68 + 0.34j, 0.035, 0.035, _WHITE)
    beat = look.beat(time_s, 2.4)
    reach = _keyed(beat, [(0, 0), (0.35, 0.3), (0.55, 1), (0.75, 1.7), (1, 0)])
    lift = 0.05 * max(0.0, 1 - abs(reach - 1) * 2)
    racket_hand = complex(-0.2 + 0.3 * reach, 0.84 + 0.3 * math.sin(min(reach, 1.9) * 1.5) - 0.25 * max(0, reach - 1))
    toss_hand = complex(0.2 - 0.1 * reach, 1.02 - 0.45 * max(0.0, reach - 0.4))
    person = pose(
        complex(-0.08, 0.46 + lift), -0.12 + 0.2 * reach, hands=(racket_hand, toss_hand), spread=0.4,
        feet=(complex(-0.2, lift), complex(0.04, lift)), bends=Bends(elbows=(1, -1)), nod=-0.35,
    )  # fmt: skip
    ball = complex(0.1 + 0.05 * reach + 0.5 * max(0, reach - 1.05), 1.02 + 0.42 * math.sin(min(1.0, reach) * 1.6))
    pen.disc(ball, 0.036, (215, 235, 60))
    draw_person(pen, look, person)
    angle = 2.3 - 1.1 * reach if reach < 1 else 1.2 - 1.9 * (reach - 1)
    racket = cmath.rect(1.0, angle)
    grip = person.hands[0]
    pen.limb(grip - racket * 0.04, grip + racket * 0.17, 0.026, 0.022, (45, 45, 50))
    centre = grip + racket * 0.3
    for at in (-0.06, -0.02, 0.02, 0.06):
        pen.line((centre + racket * (at - 0.1j), centre + racket * (at + 0.1j)), 0.006, _WHITE)
        pen.line((centre + racket * (at * 1.2j - 0.12), centre + racket * (at * 1.2j + 0.12)), 0.006, _WHITE)
    pen.line(oval(centre, 0.14, 0.105, angle=angle), 0.026, look.props[0], closed=True)


def archery(pen: Pen, look: Appearance, time_s: float) -> None:
    """A tall bow held out, its string drawn to the chin with an arrow on it; a ringed target."""
    _target(pen, look.between(0, 0.62, 0.72))
    draw = _keyed(look.beat(time_s, 3.2), [(0, 0.15), (0.35, 1), (0.8, 1), (0.84, 0.0), (1, 0.15)])
    bow_hand = complex(0.24, 0.75 + 0.02 * look.wave(time_s, 1.7))
    string_hand = complex(0.2 - 0.24 * draw, 0.76)
    person = pose(
        complex(-0.1, 0.47), -0.04, hands=(string_hand, bow_hand), feet=(-0.2 + 0j, 0.04 + 0j), spread=0.4,
        bends=Bends(elbows=(1, -1)),
    )  # fmt: skip
    wood = ((140, 84, 40), (40, 40, 46), (190, 60, 50))[int(look.style[1] * 3)]
    pen.limb(person.neck - 0.09 - 0.05j, person.neck - 0.12 - 0.26j, 0.06, 0.05, (110, 70, 40))
    draw_arm(pen, look, person, 1)
    draw_trunk(pen, look, person)
    hand = person.hands[1]
    tips = hand - 0.13 + 0.36j, hand - 0.13 - 0.36j
    bend = oval(hand - 0.36, 0.38, 0.42, start=-1.02, end=1.02)
    pen.line((tips[0], person.hands[0], tips[1]), 0.008, (235, 235, 225))
    pen.line((tips[1], *bend, tips[0]), 0.03, wood)
    if draw > 0.1:
        pen.line((person.hands[0], hand + 0.16), 0.014, (210, 180, 120))
        pen.poly((hand + 0.2, hand + 0.14 + 0.025j, hand + 0.14 - 0.025j), (90, 90, 96))
    draw_arm(pen, look, person, 0)


def _target(pen: Pen, x: float) -> None:
    for foot in (-0.08, 0.08):
        pen.line((complex(x, 0.6), complex(x + foot, 0)), 0.02, (120, 84, 50))
    rings = (
        (0.17, _WHITE),
        (0.135, (40, 40, 44)),
        (0.1, (60, 130, 210)),
        (0.065, (210, 50, 45)),
        (0.03, (240, 215, 60)),
    )
    for radius, colour in rings:
        pen.poly(oval(complex(x, 0.68), radius * 0.7, radius), colour)

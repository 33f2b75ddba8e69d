"""Actions with a rope, a hoop, or a wall."""

import math

from h2a_curation.sample_world.render.body import Appearance, Bends, draw_person, pose
from h2a_curation.sample_world.render.pen import Pen, oval, shade


def jump_rope(pen: Pen, look: Appearance, time_s: float) -> None:
    """A rope from hand to hand that turns over the head and under the feet of someone who hops."""
    beat = look.beat(time_s, 0.6)
    turn = math.cos(math.tau * beat)
    hop = 0.07 * max(0.0, -turn)
    hands = (-0.24 + 0.5j + hop * 1j, 0.24 + 0.5j + hop * 1j)
    person = pose(
        complex(0, 0.47 + hop), 0.0, hands=hands, feet=(complex(-0.05, hop), complex(0.05, hop)), spread=0.9,
        bends=Bends(elbows=(-1, 1), knees=(-1, 1)), facing=0.0,
    )  # fmt: skip
    height = 0.78 * turn if turn > 0 else 0.56 * turn
    wide = 0.3 + 0.08 * (1 - abs(turn))
    rope = [_rope_point(step / 16, wide, height, person.hands[0], person.hands[1]) for step in range(17)]
    colour = look.props[0]
    behind = math.sin(math.tau * beat) > 0
    if behind:
        pen.line(rope, 0.02, colour)
    draw_person(pen, look, person)
    if not behind:
        pen.line(rope, 0.02, colour)
    for hand, side in zip(person.hands, (-1, 1), strict=True):
        pen.limb(hand, hand + side * 0.06, 0.03, 0.03, shade(colour, 0.6))


def _rope_point(part: float, wide: float, height: float, left: complex, right: complex) -> complex:
    """A loop that bulges outward before it meets in the middle."""
    base = left + (right - left) * part
    bulge = math.sin(math.pi * part)
    out = math.sin(2 * math.pi * part)
    return base + complex(-wide * 0.55 * out, height * bulge**0.7)


def hula_hoop(pen: Pen, look: Appearance, time_s: float) -> None:
    """A big hoop round the waist, the arms held out of its way."""
    beat = math.tau * look.beat(time_s, 0.75)
    sway = 0.045 * complex(math.cos(beat), 0.0)
    raised = look.between(0, 0.62, 1.02)
    person = pose(
        0.47j + sway, 0.06 * math.cos(beat), hands=(-0.34 + raised * 1j, 0.34 + raised * 1j),
        feet=(-0.1 + 0j, 0.1 + 0j), spread=1.0,
        bends=Bends(elbows=(1, -1) if raised > 0.8 else (-1, 1), knees=(-1, 1)), facing=0.0,
    )  # fmt: skip
    centre = 0.53j - sway * 1.6
    tilt = 0.16 * math.sin(beat)
    radius, flat = look.between(1, 0.34, 0.44), look.between(2, 0.07, 0.12)
    colour = look.props[0]
    stripe = shade(look.props[1], 1.4)
    back = oval(centre, radius, flat, angle=tilt, start=0.0, end=math.pi)
    front = oval(centre, radius, flat, angle=tilt, start=math.pi, end=math.tau)
    pen.line(back, 0.034, shade(colour, 0.75))
    draw_person(pen, look, person)
    pen.line(front, 0.04, colour)
    for index in (2, 6, 10):
        pen.line(front[index : index + 2], 0.04, stripe)


def rock_climbing(pen: Pen, look: Appearance, time_s: float) -> None:
    """Seen from behind: limbs spread on a wall full of coloured holds, a rope above."""
    wall = look.props[2]
    pen.poly((-0.66 - 0.2j, 0.66 - 0.2j, 0.72 + 1.6j, -0.6 + 1.6j), wall)
    for step in range(3):
        y = 0.2 + 0.5 * step
        pen.line((complex(-0.62, y), complex(0.66, y + 0.1)), 0.01, shade(wall, 0.75))
    climb = (time_s * look.rate * 0.12 + look.phase) % 1.0
    for index in range(26):
        x = -0.6 + 1.2 * ((index * 0.570 + look.style[0]) % 1.0)
        y = -0.15 + 1.7 * ((index * 0.755 + look.style[1] - climb) % 1.0)
        hold = complex(x, y)
        colour = _HOLDS[(index + int(look.style[2] * 6)) % 6]
        pen.limb(hold, hold + complex(0.03, 0.02 * (index % 3 - 1)), 0.055, 0.04, colour)
    reach = math.sin(math.tau * look.beat(time_s, 2.4))
    pelvis = complex(0.04 * reach, 0.5)
    person = pose(
        pelvis, -0.08 * reach,
        hands=(complex(-0.24, 1.0 + 0.1 * reach), complex(0.24, 0.98 - 0.12 * reach)),
        feet=(complex(-0.24, 0.2 - 0.08 * reach), complex(0.25, 0.16 + 0.08 * reach)),
        spread=1.0, bends=Bends(elbows=(1, -1), knees=(-1, 1)), facing=2.0,
    )  # fmt: skip
    pen.line((pelvis + 0.05j, complex(0.02, 1.6)), 0.016, (240, 240, 90))
    draw_person(pen, look, person)
    pen.line(oval(pelvis, 0.075, 0.03), 0.024, (30, 30, 34), closed=True)


_HOLDS = ((230, 70, 60), (250, 200, 60), (60, 160, 90), (70, 120, 220), (180, 90, 190), (245, 245, 245))

"""Actions of the gym: two barbell lifts, pull-ups, push-ups, the punching bag, the handstand."""

import math

from h2a_curation.sample_world.render.body import Appearance, Bends, draw_arm, draw_leg, draw_person, draw_trunk, pose
from h2a_curation.sample_world.render.pen import Colour, Pen, oval, shade

_STEEL = (176, 180, 190)


def _plates(look: Appearance) -> Colour:
    return ((36, 36, 40), (180, 40, 40), (40, 70, 160), look.props[0])[int(look.style[1] * 4)]


def _barbell(pen: Pen, centre: complex, look: Appearance, *, tilt: float = 0.0) -> None:
    """Seen from the front: a long bar with plates on edge."""
    reach, colour = complex(0.56, tilt), _plates(look)
    pen.line((centre - reach, centre + reach), 0.024, _STEEL)
    for side in (-1, 1):
        for place, half in ((0.8, 0.17), (0.9, 0.13)):
            middle = centre + side * place * reach
            pen.limb(middle - half * 1j, middle + half * 1j, 0.05, 0.05, shade(colour, 1.0 if place < 0.85 else 0.8))


def _plate(pen: Pen, centre: complex, look: Appearance) -> None:
    """Seen from the side: the plate's round face hides the bar."""
    colour = _plates(look)
    pen.disc(centre, 0.185, colour)
    pen.ring(centre, 0.14, 0.014, shade(colour, 0.6))
    pen.disc(centre, 0.035, _STEEL)


def deadlift(pen: Pen, look: Appearance, time_s: float) -> None:
    """A barbell between the floor and the thighs, arms straight down, the back bent."""
    lift = 0.5 - 0.5 * math.cos(math.tau * look.beat(time_s, 2.8))
    lift = max(0.0, min(1.0, lift * 1.3 - 0.15)) * 0.85
    if look.style[0] < 0.5:
        bar = complex(0.1, 0.19 + 0.21 * lift)
        person = pose(
            complex(-0.17 + 0.17 * lift, 0.3 + 0.16 * lift), 1.05 - 0.95 * lift, hands=(bar, bar + 0.02),
            feet=(0.03 + 0j, 0.0 + 0j), spread=0.15, nod=-0.4,
        )  # fmt: skip
        draw_person(pen, look, person)
        _plate(pen, bar, look)
        return
    bar = complex(0, 0.19 + 0.2 * lift)
    person = pose(
        complex(0, 0.3 + 0.165 * lift), 0.0, hands=(-0.2 + bar, 0.2 + bar), feet=(-0.12 + 0j, 0.12 + 0j), spread=1.0,
        bends=Bends(elbows=(-1, 1), knees=(-1, 1)), facing=0.0,
    )  # fmt: skip
    draw_person(pen, look, person)
    _barbell(pen, bar, look)


def clean_and_jerk(pen: Pen, look: Appearance, time_s: float) -> None:
    """A barbell caught at the shoulders, then held high overhead on straight arms, the legs split."""
    beat = look.beat(time_s, 2.8)
    up = 0.0 if beat < 0.25 else min(1.0, (beat - 0.25) / 0.12) if beat < 0.85 else (1 - beat) / 0.15
    dip = 0.08 * max(0.0, math.sin(math.pi * min(beat / 0.3, 1.0)))
    split = 0.14 * up * look.style[3]
    bar = complex(0, 0.75 - dip + 0.36 * up)
    grip = 0.19 if up < 0.5 else 0.24
    person = pose(
        complex(0, 0.47 - dip - split * 0.25), 0.0, hands=(bar - grip, bar + grip),
        feet=(complex(-0.1 - split, 0), complex(0.1 + split, 0)), spread=1.0,
        bends=Bends(elbows=(-1, 1), knees=(-1, 1)), facing=0.0,
    )  # fmt: skip
    draw_person(pen, look, person)
    _barbell(pen, bar, look, tilt=0.012 * look.wave(time_s, 0.7))


def pull_ups(pen: Pen, look: Appearance, time_s: float) -> None:
    """A body that hangs from a high bar and pulls the chin over it, feet off the ground."""
    frame = shade(look.props[0], 0.7) if look.style[1] < 0.5 else (70, 72, 78)
    for side in (-0.46, 0.46):
        pen.limb(complex(side, 0), complex(side, 1.4), 0.045, 0.045, frame)
    up = 0.5 - 0.5 * math.cos(math.tau * look.beat(time_s, 2.0))
    pelvis = complex(0.02 * look.wave(time_s, 1.6), 0.78 + 0.26 * up)
    reach = look.between(2, 0.16, 0.27)
    bent = look.between(3, 0.02, 0.16)
    feet = (pelvis + complex(-0.05, -0.46 + bent), pelvis + complex(0.05, -0.46 + bent))
    facing = 2.0 if look.style[4] < 0.5 else 0.0
    person = pose(
        pelvis, 0.0, hands=(-reach + 1.36j, reach + 1.36j), feet=feet, spread=1.0,
        bends=Bends(elbows=(1, -1), knees=(-1, 1)), facing=facing,
    )  # fmt: skip
    draw_person(pen, look, person)
    pen.limb(-0.5 + 1.36j, 0.5 + 1.36j, 0.04, 0.04, shade(frame, 1.25))
    for hand in person.hands:
        pen.disc(hand, 0.032, look.skin)


def push_ups(pen: Pen, look: Appearance, time_s: float) -> None:
    """A straight body level with the floor, held up by the arms."""
    if look.style[0] < 0.6:
        pen.poly((-0.62 - 0.04j, 0.56 - 0.04j, 0.62 + 0.02j, -0.55 + 0.02j), look.props[0])
    up = 0.5 + 0.5 * look.wave(time_s, 1.5)
    shoulder = complex(0.33, 0.12 + 0.19 * up)
    foot = -0.52 + 0.05j
    along = (shoulder - foot) / abs(shoulder - foot)
    pelvis = shoulder - along * 0.28
    lean = math.pi / 2 - math.atan2(along.imag, along.real)
    person = pose(
        pelvis, lean, hands=(0.34 + 0.01j, 0.37 + 0.025j), feet=(foot, foot + 0.03j), spread=0.25,
        bends=Bends(elbows=(-1, -1)),
        nod=-0.25,
    )  # fmt: skip
    draw_person(pen, look, person)


def punching_bag(pen: Pen, look: Appearance, time_s: float) -> None:
    """Big round gloves, one of them striking a long bag that hangs from a chain."""
    jab = max(0.0, look.wave(time_s, 0.8)) ** 2
    cross = max(0.0, -look.wave(time_s, 0.8)) ** 2
    sway = 0.05 * math.sin(math.tau * look.beat(time_s, 0.8) - 1.2)
    top = 0.42 + 1.4j
    bottom = complex(0.42 + 1.6 * sway, 0.3)
    neck = bottom + (top - bottom) * 0.62
    pen.line((top, neck), 0.02, (150, 152, 158))
    pen.line((0.2 + 1.4j, 0.64 + 1.4j), 0.05, (80, 82, 88))
    colour = (shade(look.props[0], 0.8), (40, 40, 44), (150, 40, 36))[int(look.style[1] * 3)]
    pen.limb(neck, bottom, 0.2, 0.22, colour)
    middle = (neck + bottom) / 2
    pen.line((middle - 0.1, middle + 0.1), 0.05, shade(colour, 1.8))
    guard = complex(0.02, 0.78)
    hands = (guard + complex(0.25 * jab, -0.04 * jab), guard + complex(0.05 + 0.22 * cross, -0.06))
    person = pose(
        complex(-0.16 + 0.03 * jab, 0.45), 0.12, hands=hands, feet=(-0.04 + 0j, -0.32 + 0j), spread=0.5,
        bends=Bends(elbows=(-1, -1)), nod=0.1,
    )  # fmt: skip
    draw_arm(pen, look, person, 1)
    gloves = ((210, 40, 40), look.props[1], (30, 60, 160))[int(look.style[2] * 3)]
    pen.disc(person.hands[1], 0.066, shade(gloves, 0.8))
    draw_trunk(pen, look, person)
    draw_arm(pen, look, person, 0)
    pen.disc(person.hands[0], 0.066, gloves)


def handstand(pen: Pen, look: Appearance, time_s: float) -> None:
    """A body upside down on straight arms, the legs in the air."""
    sway = 0.03 * look.wave(time_s, 1.4)
    open_legs = look.between(0, 0.02, 0.3) * (0.7 + 0.3 * look.wave(time_s, 2.2))
    shoulder = complex(sway * 0.4, 0.32)
    pelvis = shoulder + complex(sway, 0.27)
    front = look.style[1] < 0.5
    feet = (pelvis + complex(-open_legs, 0.46), pelvis + complex(open_legs + 0.03, 0.45))
    hands = (-0.12 + 0.0j, 0.12 + 0.0j) if front else (0.02 + 0j, -0.01 + 0j)
    spread = 1.0 if front else 0.2
    # Upside down the left of the body is on the right of the picture.
    lean = math.pi - math.atan2(sway, 0.27)
    person = pose(
        pelvis, lean, hands=(hands[1], hands[0]), feet=(feet[1], feet[0]), spread=spread,
        bends=Bends(elbows=(1, -1), knees=(1, -1)),
        facing=0.0 if front else 1.0,
    )  # fmt: skip
    draw_person(pen, look, person)
    draw_leg(pen, look, person, 0)
    pen.poly(oval(-0.02j, 0.3, 0.02), shade(look.props[1], 0.6))

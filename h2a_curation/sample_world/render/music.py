"""Actions on an instrument: guitar, violin, drums."""

import cmath
import math

from h2a_curation.sample_world.render.body import Appearance, Bends, Pose, draw_arm, draw_trunk, pose
from h2a_curation.sample_world.render.pen import Colour, Pen, oval, shade

_WOODS: tuple[Colour, ...] = ((196, 130, 66), (150, 70, 36), (40, 36, 38), (214, 176, 110))
_STEEL = (176, 180, 190)
_GOLD = (222, 184, 76)
_WHITE = (240, 240, 236)


def _front(
    look: Appearance, time_s: float, hands: tuple[complex, complex], *, nod: float = 0.0, seated: bool = False
) -> Pose:
    sway = 0.02 * look.wave(time_s, 1.9)
    if seated:
        return pose(
            complex(sway, 0.4), 0.0, hands=hands, feet=(-0.22 + 0j, 0.22 + 0j), spread=1.0,
            bends=Bends(elbows=(-1, 1), knees=(-1, 1)),
            nod=nod, facing=0.0,
        )  # fmt: skip
    return pose(
        complex(sway, 0.47), sway, hands=hands, feet=(-0.1 + 0j, 0.12 + 0j), spread=1.0,
        bends=Bends(elbows=(-1, 1), knees=(-1, 1)), nod=nod, facing=0.0,
    )  # fmt: skip


def guitar_playing(pen: Pen, look: Appearance, time_s: float) -> None:
    """A waisted body with a round hole at the belly, a long neck to one side, a strumming hand."""
    strum = 0.05 * look.wave(time_s, 0.5)
    along = cmath.rect(1.0, look.between(1, 0.15, 0.55))
    hole = complex(-0.05, 0.53)
    slide = look.between(2, 0.3, 0.4) + 0.04 * look.wave(time_s, 2.3)
    person = _front(look, time_s, (hole - 0.02 + strum * 1j, hole + slide * along - 0.02j), nod=0.12)
    colour = look.props[0] if look.style[3] < 0.35 else _WOODS[int(look.style[4] * 4)]
    draw_trunk(pen, look, person)
    pen.line((person.neck - 0.06 - 0.03j, hole - 0.2 * along, hole + 0.12 * along), 0.03, shade(look.props[1], 0.8))
    edge = shade(colour, 0.5)
    for grow, paint in ((0.012, edge), (0.0, colour)):
        pen.disc(hole - 0.11 * along, 0.135 + grow, paint)
        pen.disc(hole + 0.06 * along, 0.1 + grow, paint)
    pen.disc(hole + 0.015 * along, 0.045, (26, 20, 18))
    pen.limb(hole - 0.16 * along - 0.05j, hole - 0.16 * along + 0.05j, 0.018, 0.018, (30, 24, 20))
    pen.line((hole + 0.08 * along, hole + 0.5 * along), 0.042, (60, 40, 28))
    pen.limb(hole + 0.5 * along, hole + 0.6 * along, 0.065, 0.075, (40, 30, 24))
    pen.line((hole - 0.16 * along, hole + 0.56 * along), 0.008, _WHITE)
    draw_arm(pen, look, person, 0)
    draw_arm(pen, look, person, 1)


def violin_playing(pen: Pen, look: Appearance, time_s: float) -> None:
    """A small wooden body under the chin, a thin bow drawn across it by the other hand."""
    stroke = look.wave(time_s, 1.2)
    away = cmath.rect(1.0, look.between(0, -0.28, 0.12))
    chin = complex(0.05 + 0.02 * look.wave(time_s, 1.9), 0.765)
    bridge = chin + 0.17 * away
    bow = cmath.rect(1.0, look.between(1, 1.9, 2.3))
    bow_hand = bridge + bow * -0.3 * (1.0 + 0.3 * stroke) * -1
    if look.style[2] < 0.4:
        _music_stand(pen, 0.52)
    person = _front(look, time_s, (bow_hand + 0.0, chin + 0.34 * away - 0.02j), nod=0.25)
    colour = _WOODS[int(look.style[4] * 2)]
    draw_trunk(pen, look, person)
    draw_arm(pen, look, person, 1)
    edge = shade(colour, 0.45)
    for grow, paint in ((0.01, edge), (0.0, colour)):
        pen.disc(chin + 0.06 * away, 0.068 + grow, paint)
        pen.limb(chin + 0.06 * away, chin + 0.2 * away, 0.09 + grow, 0.08 + grow, paint)
        pen.disc(chin + 0.2 * away, 0.058 + grow, paint)
    pen.line((chin + 0.2 * away, chin + 0.4 * away), 0.03, (30, 22, 18))
    pen.disc(chin + 0.42 * away, 0.026, edge)
    hand = person.hands[0]
    stick = (bridge - hand) / max(abs(bridge - hand), 1e-6)
    pen.line((hand - 0.05 * stick, hand + 0.56 * stick), 0.015, (60, 34, 20))
    pen.line((hand + 0.02 * stick - 0.018j, hand + 0.54 * stick - 0.012j), 0.008, _WHITE)
    draw_arm(pen, look, person, 0)


def _music_stand(pen: Pen, x: float) -> None:
    pen.line((complex(x, 0), complex(x, 0.55)), 0.016, (50, 50, 54))
    pen.line((complex(x - 0.08, 0), complex(x, 0.1), complex(x + 0.08, 0)), 0.014, (50, 50, 54))
    pen.poly((complex(x - 0.12, 0.5), complex(x + 0.1, 0.52), complex(x + 0.13, 0.72), complex(x - 0.09, 0.7)), _WHITE)


def drumming(pen: Pen, look: Appearance, time_s: float) -> None:
    """Seated behind drums and gold cymbals, a stick in each hand."""
    colour = look.props[0]
    left = abs(math.sin(math.tau * look.beat(time_s, 0.6)))
    right = abs(math.cos(math.tau * look.beat(time_s, 0.6)))
    person = _front(look, time_s, (complex(-0.22, 0.56 + 0.14 * left), complex(0.2, 0.56 + 0.14 * right)), seated=True)
    for side, height in ((-0.5, 0.78), (0.48, 0.86)):
        pen.line((complex(side * 1.1, 0), complex(side, height)), 0.018, _STEEL)
    draw_trunk(pen, look, person)
    for centre, wide in ((-0.36 + 0.4j, 0.14), (0.38 + 0.36j, 0.16)):
        pen.limb(centre - 0.04j, centre - 0.2j, wide * 2, wide * 1.9, colour)
        pen.poly(oval(centre, wide, 0.045), _WHITE)
        pen.line(oval(centre, wide, 0.045), 0.018, _STEEL, closed=True)
    pen.disc(0.24j, 0.245, shade(colour, 0.8))
    pen.disc(0.24j, 0.205, _WHITE)
    pen.disc(0.24j, 0.07, shade(colour, 1.2))
    for x in (-0.13, 0.13):
        pen.limb(complex(x, 0.5), complex(x, 0.46), 0.2, 0.19, colour)
        pen.poly(oval(complex(x, 0.53), 0.105, 0.035), _WHITE)
    for side, height in ((-0.5, 0.78), (0.48, 0.86)):
        tilt = 0.2 * (1 if side < 0 else -1) + 0.08 * look.wave(time_s, 0.6)
        pen.poly(oval(complex(side, height), 0.17, 0.03, angle=tilt), _GOLD)
    for index, lift in ((0, left), (1, right)):
        draw_arm(pen, look, person, index)
        inward = 1 if index == 0 else -1
        hand = person.hands[index]
        pen.line(
            (
                hand - 0.05 * inward,
                hand + cmath.rect(0.28, (0.5 * lift - 0.2)) * inward
                if inward > 0
                else hand - cmath.rect(0.28, -(0.5 * lift - 0.2)),
            ),
            0.022,
            (226, 190, 130),
        )

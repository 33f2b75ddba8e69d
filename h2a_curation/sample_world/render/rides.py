"""Actions on something that carries: board, skis, bicycle, kayak, horse."""

import cmath
import math

from h2a_curation.sample_world.render.body import Appearance, Bends, draw_arm, draw_leg, draw_person, draw_trunk, pose
from h2a_curation.sample_world.render.pen import Colour, Pen, oval, shade

_DARK = (34, 34, 38)
_WHITE = (245, 245, 245)


def skateboarding(pen: Pen, look: Appearance, time_s: float) -> None:
    """Crouched sideways on a short board with four small wheels, arms out; a ramp."""
    beat = look.beat(time_s, 2.0)
    hop = 0.22 * max(0.0, math.sin(math.tau * beat)) if look.style[0] < 0.6 else 0.03 * look.wave(time_s, 0.5)
    hop = max(0.0, hop)
    tilt = 0.35 * math.cos(math.tau * beat) * min(1.0, hop * 6)
    if look.style[1] < 0.6:
        ramp = shade(look.props[1], 0.8)
        pen.poly(
            (0.16 - 0.12j, 0.8 - 0.12j, 0.8 + 0.4j, *oval(0.2 + 0.48j, 0.55, 0.58, start=-0.35, end=-1.5 + 0.001)), ramp
        )
    board = pen.moved(complex(0, 0.07 + hop), angle=tilt)
    deck = cmath.rect(1.0, tilt)
    base = complex(0, 0.11 + hop)
    crouch = look.between(2, 0.28, 0.36)
    person = pose(
        base + crouch * 1j - 0.04, 0.3, hands=(base + complex(-0.36, 0.56), base + complex(0.32, 0.6)),
        feet=(base - 0.15 * deck, base + 0.16 * deck), spread=0.6, bends=Bends(knees=(-1, 1), elbows=(1, -1)),
    )  # fmt: skip
    board.line((-0.32 + 0.06j, -0.23 + 0j, 0.23 + 0j, 0.32 + 0.06j), 0.035, look.props[0])
    for x in (-0.2, -0.14, 0.14, 0.2):
        board.disc(complex(x, -0.045), 0.034, _WHITE if look.style[3] < 0.5 else (240, 160, 50))
    draw_person(pen, look, person)


def surfing(pen: Pen, look: Appearance, time_s: float) -> None:
    """Crouched on a long pointed board in the face of a breaking wave with foam."""
    water = look.props[1]
    swell = 0.02 * look.wave(time_s, 1.6)
    crest = [complex(-0.75, 0.95 + swell), complex(-0.5, 1.08), complex(-0.2, 0.98 + swell), complex(0.05, 0.72)]
    pen.poly((-0.9 - 0.3j, -0.9 + 0.8j, *crest, 0.25 + 0.42j, 0.55 + 0.22j, 0.9 + 0.14j, 0.9 - 0.3j), water)
    for step in range(4):
        y = 0.16 + 0.2 * step
        pen.line(
            (complex(-0.85, y), complex(-0.45 + 0.04 * step, y + 0.12), complex(0.0 - 0.1 * step, y)), 0.018,
            shade(water, 1.3),
        )  # fmt: skip
    for index in range(9):
        angle = index * 2.4 + time_s * 2
        puff = crest[index % 4] + 0.05 * complex(math.cos(angle), math.sin(angle))
        pen.disc(puff, 0.06 + 0.02 * math.sin(angle), _WHITE)
    tilt = 0.16 + 0.1 * look.wave(time_s, 1.9)
    deck = cmath.rect(1.0, tilt)
    base = complex(0.02, 0.14)
    person = pose(
        base + complex(-0.04, 0.3), 0.35, hands=(base + complex(-0.34, 0.5), base + complex(0.36, 0.46)),
        feet=(base - 0.17 * deck, base + 0.14 * deck), spread=0.6, bends=Bends(knees=(-1, 1), elbows=(1, -1)),
    )  # fmt: skip
    board = [
        base + deck * p
        for p in (-0.46 + 0.0j, -0.34 + 0.035j, 0.1 + 0.04j, 0.36 + 0.03j, 0.54 + 0.06j, 0.36 - 0.03j, -0.34 - 0.035j)
    ]
    pen.poly(board, look.props[0])
    pen.line((base - 0.4 * deck, base + 0.46 * deck), 0.014, _WHITE)
    draw_person(pen, look, person)
    for index in range(6):
        angle = index * 1.9 - time_s * 4
        pen.disc(base - (0.42 + 0.05 * index) * deck + 0.03 * complex(math.cos(angle), math.sin(angle)), 0.045, _WHITE)


def skiing(pen: Pen, look: Appearance, time_s: float) -> None:
    """Tucked on two long skis down a pale slope, poles in the hands, goggles, fir trees."""
    slope = -look.between(0, 0.18, 0.42)
    down = cmath.rect(1.0, slope)
    snow = shade((236, 240, 248), look.between(1, 0.72, 1.05))
    pen.poly((-1.1 * down, 1.1 * down, 1.1 * down - 0.9j, -1.1 * down - 0.5j), snow)
    for index in range(3):
        place = ((index / 3 - time_s * look.rate * 0.18 + look.phase) % 1.0) * 1.9 - 0.95
        _fir(pen, place * down + 0.02j, 0.34 + 0.06 * index)
    for index in range(3):
        place = ((index / 3 - time_s * look.rate * 0.9) % 1.0) * 1.8 - 0.9
        pen.line((place * down - 0.1j, (place + 0.2) * down - 0.1j), 0.014, shade(snow, 0.85))
    turn = 0.06 * look.wave(time_s, 1.5)
    person = pose(
        complex(-0.1, 0.3 + turn), 0.62, hands=(complex(0.2, 0.42), complex(0.24, 0.38)),
        feet=(-0.03 * down + 0.03j, 0.03 * down + 0.03j), spread=0.3, nod=-0.3,
    )  # fmt: skip
    for lift in (0.03, 0.0):
        pen.line(
            ((-0.42 * down) + lift * 1j, 0.42 * down + lift * 1j, 0.54 * down + complex(0.02, lift + 0.07)),
            0.026,
            look.props[0],
        )
    draw_person(pen, look, person)
    for hand in person.hands:
        pen.line((hand + 0.06 + 0.05j, hand - 0.34 - 0.26j), 0.015, _DARK)
        pen.disc(hand - 0.3 - 0.23j, 0.028, _DARK)
    helmet = oval(person.head, 0.08, 0.08, angle=-0.4, start=0.0, end=math.pi + 0.3)
    pen.poly(helmet, look.props[2])
    pen.limb(person.head + 0.03, person.head + 0.065 - 0.02j, 0.045, 0.045, (240, 150, 40))


def _fir(pen: Pen, foot: complex, height: float) -> None:
    pen.limb(foot, foot + height * 0.3j, 0.03, 0.03, (86, 60, 40))
    for step in range(3):
        low = foot + height * (0.15 + 0.25 * step) * 1j
        half = height * (0.32 - 0.08 * step)
        pen.poly((low - half, low + half, low + height * 0.42j), (30, 80 + 12 * step, 54))


def cycling(pen: Pen, look: Appearance, time_s: float) -> None:
    """Bent over the handlebar of a bicycle, feet on the pedals, two spoked wheels."""
    spin = -math.tau * look.beat(time_s, 0.8)
    rear, front, crank = -0.36 + 0.23j, 0.4 + 0.23j, -0.02 + 0.21j
    saddle, bar, head_tube = -0.16 + 0.58j, 0.3 + 0.62j, 0.29 + 0.54j
    for wheel in (rear, front):
        for step in range(5):
            spoke = cmath.rect(0.21, spin * 0.8 + step * math.pi / 5)
            pen.line((wheel - spoke, wheel + spoke), 0.007, (170, 172, 178))
        pen.ring(wheel, 0.215, 0.032, _DARK)
    pedals = (crank + cmath.rect(0.085, spin), crank - cmath.rect(0.085, spin))
    lean = look.between(0, 0.65, 1.0)
    person = pose(
        saddle + 0.05j, lean, hands=(bar + 0.03, bar + 0.05), feet=(pedals[0] + 0.02j, pedals[1] + 0.02j), spread=0.15,
        nod=-0.45,
    )  # fmt: skip
    draw_arm(pen, look, person, 1)
    draw_leg(pen, look, person, 1)
    frame = look.props[0]
    for a, b in (
        (rear, crank),
        (rear, saddle),
        (crank, saddle),
        (crank, head_tube),
        (saddle - 0.06j, head_tube),
        (head_tube, front),
    ):
        pen.line((a, b), 0.03, frame)
    pen.line((head_tube, bar - 0.03, bar + 0.05, bar + 0.06 - 0.06j), 0.026, _DARK)
    pen.limb(saddle - 0.06, saddle + 0.06, 0.035, 0.025, _DARK)
    pen.disc(crank, 0.05, (120, 122, 128))
    pen.line(pedals, 0.02, (120, 122, 128))
    draw_trunk(pen, look, person)
    pen.poly(oval(person.head + 0.01j, 0.088, 0.078, angle=-0.2, start=0.0, end=math.pi), look.props[2])
    draw_arm(pen, look, person, 0)


def kayaking(pen: Pen, look: Appearance, time_s: float) -> None:
    """Seated in a long pointed boat on water, a paddle with two blades across the chest."""
    water: Colour = look.props[1]
    pen.poly((-1.1 + 0.16j, 1.1 + 0.16j, 1.1 - 0.5j, -1.1 - 0.5j), water)
    bob = 0.015 * look.wave(time_s, 1.7)
    for index in range(8):
        place = ((index * 0.37 - time_s * look.rate * 0.25) % 1.0) * 2.0 - 1.0
        y = 0.12 - 0.055 * index
        pen.line(
            (complex(place - 0.12, y), complex(place, y + 0.02), complex(place + 0.12, y)), 0.014, shade(water, 1.35)
        )
    stroke = math.tau * look.beat(time_s, 1.6)
    roll = 0.55 * math.sin(stroke)
    centre = complex(0.14 + 0.07 * math.cos(stroke), 0.42 + bob)
    shaft = cmath.rect(1.0, roll)
    person = pose(
        complex(-0.08, 0.14 + bob), 0.16, hands=(centre - 0.15 * shaft, centre + 0.15 * shaft),
        feet=(0.3 + 0.1j, 0.3 + 0.1j), spread=0.35, bends=Bends(elbows=(-1, -1)),
    )  # fmt: skip
    draw_trunk(pen, look, person)
    vest = look.props[2]
    pen.limb(person.neck - 0.07j, person.pelvis + 0.06j, 0.14, 0.13, vest)
    hull = [
        complex(x, y + bob)
        for x, y in (
            (-0.82, 0.21),
            (-0.5, 0.16),
            (0.5, 0.16),
            (0.86, 0.23),
            (0.6, 0.04),
            (0.3, -0.01),
            (-0.4, -0.01),
            (-0.62, 0.05),
        )
    ]
    pen.poly(hull, look.props[0])
    pen.line(hull[:4], 0.016, shade(look.props[0], 0.6))
    for side in (1, 0):
        draw_arm(pen, look, person, side)
    pen.line((centre - 0.5 * shaft, centre + 0.5 * shaft), 0.022, _DARK)
    for side in (-1, 1):
        tip = centre + side * 0.5 * shaft
        pen.limb(tip, tip + side * 0.15 * shaft, 0.05, 0.1, (245, 200, 60) if look.style[0] < 0.5 else _WHITE)


def horse_riding(pen: Pen, look: Appearance, time_s: float) -> None:
    """A rider astride a horse, reins in the hands."""
    coats: tuple[Colour, ...] = ((120, 74, 42), (60, 42, 32), (206, 200, 190), (168, 116, 66), (40, 38, 40))
    coat = coats[int(look.style[0] * 5)]
    mane = shade(coat, 0.55) if look.style[1] < 0.7 else (225, 205, 160)
    gait = math.tau * look.beat(time_s, 0.8)
    bob = 0.03 * math.sin(gait)
    body = complex(0, 0.62 + bob)
    for index, (x, lag) in enumerate(((-0.3, 0.0), (0.26, 1.3), (-0.24, math.pi), (0.32, math.pi + 1.3))):
        swing = 0.16 * math.sin(gait + lag)
        hip = complex(x, body.imag - 0.06)
        knee = complex(x + swing * 0.7 + 0.02, 0.32)
        hoof = complex(x + swing, 0.06 + 0.08 * max(0.0, math.cos(gait + lag)))
        colour = shade(coat, 0.75 if index < 2 else 1.0)
        pen.limb(hip, knee, 0.12, 0.07, colour)
        pen.limb(knee, hoof, 0.06, 0.045, colour)
        pen.limb(hoof, hoof - 0.03j, 0.055, 0.06, _DARK)
    tail = complex(-0.4, body.imag + 0.08)
    pen.line((tail, tail - 0.1 + 0.02j, tail - 0.17 - 0.14j, tail - 0.19 - 0.3j), 0.055, mane)
    pen.poly(oval(body, 0.42, 0.17), coat)
    pen.limb(body + 0.3 + 0.04j, body + 0.52 + 0.36j, 0.24, 0.13, coat)
    pen.limb(body + 0.53 + 0.37j, body + 0.72 + 0.24j, 0.13, 0.085, coat)
    pen.poly((body + 0.46 + 0.44j, body + 0.5 + 0.54j, body + 0.54 + 0.43j), coat)
    pen.disc(body + 0.58 + 0.36j, 0.014, _DARK)
    pen.line((body + 0.2 + 0.18j, body + 0.36 + 0.32j, body + 0.46 + 0.44j), 0.06, mane)
    pelvis = body + complex(-0.03, 0.22)
    hands = (body + 0.22 + 0.34j, body + 0.24 + 0.34j)
    person = pose(
        pelvis, 0.14 + 0.05 * math.sin(gait), hands=hands, feet=(body + 0.08 - 0.2j, body + 0.1 - 0.2j), spread=0.2,
        facing=1.0,
    )  # fmt: skip
    pen.limb(body - 0.14 + 0.17j, body + 0.1 + 0.17j, 0.06, 0.06, (70, 44, 30))
    draw_trunk(pen, look, person)
    pen.line((person.hands[0], body + 0.66 + 0.26j), 0.012, _DARK)
    draw_arm(pen, look, person, 0)
    pen.poly(oval(person.head + 0.01j, 0.085, 0.08, start=0.0, end=math.pi), look.props[2])

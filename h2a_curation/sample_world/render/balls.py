"""Actions with a ball: basketball, football juggling, bowling, juggling three balls."""

import math

from h2a_curation.sample_world.render.body import Appearance, Bends, draw_arm, draw_person, draw_trunk, pose
from h2a_curation.sample_world.render.pen import Colour, Pen, oval, shade

_WHITE = (245, 245, 245)


def basketball_shot(pen: Pen, look: Appearance, time_s: float) -> None:
    """An orange ball held, thrown, and in the air on its way to a hoop with a backboard."""
    _hoop(pen, look)
    beat = look.beat(time_s, 2.4)
    crouch = max(0.0, math.sin(min(beat / 0.35, 1.0) * math.pi))
    jump = 0.14 * max(0.0, math.sin((beat - 0.3) / 0.4 * math.pi)) if 0.3 < beat < 0.7 else 0.0
    raised = min(1.0, max(0.0, (beat - 0.12) / 0.25))
    lowered = min(1.0, max(0.0, (beat - 0.72) / 0.25))
    height = 0.62 + 0.5 * (raised - lowered)
    pelvis = complex(-0.32, 0.46 - 0.09 * crouch + jump)
    hand = complex(-0.14 + 0.04 * raised, height + jump)
    person = pose(
        pelvis, 0.12 + 0.15 * crouch, hands=(hand, hand + 0.05), feet=(complex(-0.4, jump), complex(-0.22, jump)),
        nod=-0.3,
    )  # fmt: skip
    released = 0.45 < beat < 0.92
    draw_arm(pen, look, person, 1)
    draw_trunk(pen, look, person)
    if released:
        part = (beat - 0.45) / 0.4
        ball = complex(
            -0.08 + 0.56 * min(part, 1.0), 1.25 + 0.36 * math.sin(min(part, 1.0) * math.pi) - max(0, part - 1) * 2
        )
    else:
        ball = person.hands[0] + 0.05 + 0.05j
    draw_arm(pen, look, person, 0)
    basketball(pen, ball, 0.075, look.between(1, 0.75, 1.15))


def basketball(pen: Pen, ball: complex, radius: float, light: float) -> None:
    """An orange ball with dark seams; `light` is its brightness."""
    pen.disc(ball, radius, shade((232, 120, 40), light))
    dark = shade((90, 40, 15), light)
    pen.line((ball - radius, ball + radius), radius * 0.16, dark)
    pen.line((ball - radius * 1j, ball + radius * 1j), radius * 0.16, dark)
    pen.ring(ball, radius, radius * 0.16, dark)


def _hoop(pen: Pen, look: Appearance) -> None:
    pen.limb(0.66 + 0j, 0.66 + 1.3j, 0.05, 0.05, (110, 112, 118))
    pen.line((0.66 + 1.25j, 0.58 + 1.32j), 0.04, (110, 112, 118))
    board = look.props[0] if look.style[0] < 0.3 else _WHITE
    pen.poly((0.54 + 1.12j, 0.6 + 1.1j, 0.6 + 1.58j, 0.54 + 1.56j), board)
    rim = (228, 80, 40)
    for step in range(5):
        x = 0.38 + 0.04 * step
        pen.line((complex(x, 1.2), complex(0.46 + (x - 0.46) * 0.55, 1.02)), 0.009, _WHITE)
    pen.line((0.41 + 1.1j, 0.51 + 1.1j), 0.009, _WHITE)
    pen.line(oval(0.46 + 1.2j, 0.09, 0.025), 0.026, rim, closed=True)


def soccer_juggling(pen: Pen, look: Appearance, time_s: float) -> None:
    """A black and white ball kept up by foot, knee or head; one leg lifted."""
    beat = look.beat(time_s, 0.9)
    lift = max(0.0, math.cos(math.tau * beat))
    high = 0.34 if look.style[0] < 0.6 else 0.16
    foot = complex(0.16 + 0.05 * lift, high * lift + 0.0)
    swing = 0.05 * look.wave(time_s, 1.8)
    person = pose(
        complex(-0.05, 0.47), -0.08, hands=(complex(-0.3, 0.52 + swing), complex(0.24, 0.56 - swing)),
        feet=(foot, -0.06 + 0j), spread=0.6, bends=Bends(elbows=(-1, 1)), nod=0.4,
    )  # fmt: skip
    draw_person(pen, look, person)
    flight = abs(math.sin(math.pi * beat))
    low = person.feet[0] + 0.1 + 0.09j
    ball = complex(0.27, max(low.imag, 0.1) + 0.4 * flight)
    _football(pen, ball, 0.072, time_s)
    pen.limb(person.feet[0], person.feet[0] + 0.09 + 0.015j, 0.055, 0.04, look.shoes)


def _football(pen: Pen, ball: complex, radius: float, time_s: float) -> None:
    pen.disc(ball, radius, _WHITE)
    pen.ring(ball, radius, 0.01, (70, 70, 70))
    pen.disc(ball, radius * 0.36, (20, 20, 20))
    for step in range(5):
        angle = time_s * 3 + step * math.tau / 5
        pen.disc(ball + radius * 0.78 * complex(math.cos(angle), math.sin(angle)), radius * 0.24, (20, 20, 20))


def bowling(pen: Pen, look: Appearance, time_s: float) -> None:
    """A lunge on a lane, the arm low with a heavy ball, white pins with red rings at its end."""
    lane = shade((214, 168, 104), look.between(2, 0.6, 1.15))
    pen.poly((-0.75 - 0.09j, 0.78 - 0.02j, 0.78 + 0.05j, -0.75 + 0.03j), lane)
    pen.line((-0.75 - 0.03j, 0.78 + 0.015j), 0.008, shade(lane, 0.7))
    for row, x in ((0.05, 0.7), (0.05, 0.6), (0.05, 0.5), (0.015, 0.65), (0.015, 0.55), (-0.015, 0.6)):
        _pin(pen, complex(x, row))
    beat = look.beat(time_s, 2.6)
    swing = math.sin(min(beat / 0.5, 1.0) * math.tau * 0.75) if beat < 0.5 else -1.0
    arm = -math.pi / 2 - 1.15 * swing
    shoulder = complex(-0.26, 0.6)
    hand = shoulder + 0.32 * complex(math.cos(arm), math.sin(arm))
    person = pose(
        -0.36 + 0.36j, 0.5, hands=(hand, complex(-0.5, 0.68)), feet=(-0.18 + 0j, -0.68 + 0.02j), spread=0.4,
        bends=Bends(knees=(1, 1), elbows=(-1, 1)),
    )  # fmt: skip
    ball = person.hands[0] - 0.05j if beat < 0.5 else complex(-0.1 + 1.5 * (beat - 0.5), 0.08)
    draw_arm(pen, look, person, 1)
    draw_trunk(pen, look, person)
    if ball.real < 0.85:
        _bowling_ball(pen, ball, look.props[0])
    draw_arm(pen, look, person, 0)


def _bowling_ball(pen: Pen, ball: complex, colour: Colour) -> None:
    pen.disc(ball, 0.078, shade(colour, 0.75))
    for hole in (0.02 + 0.03j, 0.04 + 0.01j, 0.01 + 0.005j):
        pen.disc(ball + hole, 0.012, (15, 15, 15))


def _pin(pen: Pen, foot: complex) -> None:
    pen.limb(foot + 0.03j, foot + 0.09j, 0.045, 0.06, _WHITE)
    pen.limb(foot + 0.09j, foot + 0.17j, 0.06, 0.025, _WHITE)
    pen.disc(foot + 0.19j, 0.022, _WHITE)
    pen.line((foot - 0.014 + 0.155j, foot + 0.014 + 0.155j), 0.018, (210, 40, 40))


def ball_juggling(pen: Pen, look: Appearance, time_s: float) -> None:
    """Three to five small coloured balls in arcs over two hands, seen from the front."""
    num_balls = 3 + int(look.style[0] * 3)
    beat = look.beat(time_s, 1.3)
    circle = [
        0.035 * complex(math.cos(math.tau * beat * 2 + side), math.sin(math.tau * beat * 2 + side)) for side in (0, 3)
    ]
    person = pose(
        0.47j, 0.0, hands=(-0.2 + 0.6j + circle[0], 0.2 + 0.6j + circle[1]), feet=(-0.09 + 0j, 0.09 + 0j), spread=1.0,
        bends=Bends(elbows=(-1, 1), knees=(-1, 1)), facing=0.0,
    )  # fmt: skip
    draw_person(pen, look, person)
    height = look.between(3, 0.5, 0.68)
    for index in range(num_balls):
        part = (beat + index / num_balls) % 1.0 * 2
        side = 1 if part < 1 else -1
        flight = part % 1.0
        x = side * (-0.2 + 0.4 * flight)
        ball = complex(x, 0.64 + 4 * height * flight * (1 - flight))
        pen.disc(ball, 0.05, (look.props[index % 3], (230, 60, 50), (250, 210, 50))[index % 3])

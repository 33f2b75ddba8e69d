"""A person of two dozen shapes: how one looks, how one stands, how one is drawn."""

import cmath
import colorsys
import math
from dataclasses import dataclass

import numpy as np

from h2a_curation.sample_world.render.pen import Colour, Pen, oval, shade

THIGH, SHIN = 0.24, 0.24
TORSO = 0.29
UPPER_ARM, FOREARM = 0.165, 0.16
HEAD_RADIUS = 0.068
HIP_HEIGHT = 0.475
"""The pelvis of someone who stands upright."""

_SKINS: tuple[Colour, ...] = ((255, 219, 188), (236, 188, 146), (198, 140, 98), (150, 98, 64), (105, 68, 46))
_HAIRS: tuple[Colour, ...] = ((28, 22, 20), (70, 44, 26), (128, 84, 44), (208, 170, 96), (150, 150, 150), (150, 60, 30))

Pair = tuple[complex, complex]
"""A point of the near and of the far side; seen from the front, of the left and right of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """What stays the same for a whole shot."""

    skin: Colour
    hair: Colour
    shirt: Colour
    legs: Colour
    shoes: Colour
    short_legs: bool
    short_sleeves: bool
    long_hair: bool
    cap: bool
    build: float
    """Thickness of limbs and trunk, 1 on average."""
    props: tuple[Colour, Colour, Colour]
    rate: float
    """Speed of the movement, 1 on average."""
    phase: float
    style: tuple[float, ...]
    """Eight numbers from 0 to 1 from which an action takes its variations."""

    def beat(self, time_s: float, period_s: float) -> float:
        """The place of the movement in a cycle of `period_s`, from 0 to 1."""
        return (time_s * self.rate / period_s + self.phase) % 1.0

    def wave(self, time_s: float, period_s: float) -> float:
        """A sine of the same cycle, from -1 to 1."""
        return math.sin(math.tau * self.beat(time_s, period_s))

    def between(self, index: int, low: float, high: float) -> float:
        """The numbered style, stretched from 0..1 to low..high."""
        return low + (high - low) * self.style[index]


def random_look(rng: np.random.Generator) -> Appearance:
    """Clothes, build, colours and tempo of one person."""
    return Appearance(
        skin=_SKINS[rng.integers(len(_SKINS))],
        hair=_HAIRS[rng.integers(len(_HAIRS))],
        shirt=random_colour(rng),
        legs=random_colour(rng),
        shoes=random_colour(rng),
        short_legs=bool(rng.random() < 0.4),
        short_sleeves=bool(rng.random() < 0.6),
        long_hair=bool(rng.random() < 0.4),
        cap=bool(rng.random() < 0.2),
        build=float(rng.uniform(0.85, 1.25)),
        props=(random_colour(rng), random_colour(rng), random_colour(rng)),
        rate=float(rng.uniform(0.75, 1.35)),
        phase=float(rng.random()),
        style=tuple(float(number) for number in rng.random(8)),
    )


def random_colour(rng: np.random.Generator, *, saturation: float = 1.0) -> Colour:
    """Any hue; `saturation` 1 gives the colours of clothes, less those of walls."""
    hue, full, value = rng.random(), rng.uniform(0.0, 0.95) * saturation, rng.uniform(0.28, 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue, full, value)
    return round(255 * red), round(255 * green), round(255 * blue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """The place of every joint, in figure units."""

    pelvis: complex
    neck: complex
    head: complex
    facing: float
    """Side to which the face looks: 1 right, -1 left, 0 at the camera, 2 away from it."""
    shoulders: Pair
    elbows: Pair
    hands: Pair
    hips: Pair
    knees: Pair
    feet: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Bends:
    """To which side each elbow and knee bends: 1 counter-clockwise of the line from shoulder to hand (hip to foot), -1
    clockwise.
    """

    elbows: tuple[float, float] = (-1.0, -1.0)
    knees: tuple[float, float] = (1.0, 1.0)


def pose(
    pelvis: complex,
    lean: float,
    *,
    hands: Pair,
    feet: Pair,
    spread: float = 0.25,
    bends: Bends = Bends(),
    nod: float = 0.0,
    facing: float = 1.0,
) -> Pose:
    """Reach for the given hands and feet.

    `lean` and `nod` are radians forward (to the right) from upright; `spread` is 0 seen from the side, 1 from the
    front. What lies out of reach is reached for.
    """
    up = cmath.rect(1.0, math.pi / 2 - lean)
    neck = pelvis + TORSO * up
    head = neck + 0.105 * cmath.rect(1.0, math.pi / 2 - lean - nod)
    across = up * 1j
    shoulder, hip = across * 0.095 * spread, across * 0.055 * spread
    shoulders = (neck - 0.02 * up + shoulder, neck - 0.02 * up - shoulder)
    hips = (pelvis + hip, pelvis - hip)
    arms = [_reach(shoulders[i], hands[i], UPPER_ARM, FOREARM, bends.elbows[i]) for i in (0, 1)]
    legs = [_reach(hips[i], feet[i], THIGH, SHIN, bends.knees[i]) for i in (0, 1)]
    return Pose(
        pelvis=pelvis,
        neck=neck,
        head=head,
        facing=facing,
        shoulders=shoulders,
        elbows=(arms[0][0], arms[1][0]),
        hands=(arms[0][1], arms[1][1]),
        hips=hips,
        knees=(legs[0][0], legs[1][0]),
        feet=(legs[0][1], legs[1][1]),
    )


def _reach(start: complex, target: complex, first: float, second: float, bend: float) -> Pair:
    """The middle and the end of a two-bone limb."""
    line = target - start
    length = min(max(abs(line), abs(first - second) + 1e-3), first + second - 1e-3)
    unit = line / abs(line) if abs(line) > 1e-6 else 1j
    corner = math.acos((first**2 + length**2 - second**2) / (2 * first * length))
    return start + first * unit * cmath.rect(1.0, bend * corner), start + unit * length


def draw_person(pen: Pen, look: Appearance, pose: Pose) -> None:
    """All of it: the far arm behind the trunk, the near one before."""
    draw_arm(pen, look, pose, 1)
    draw_trunk(pen, look, pose)
    draw_arm(pen, look, pose, 0)


def draw_trunk(pen: Pen, look: Appearance, pose: Pose) -> None:
    """Legs, trunk and head: all but the arms, so that a prop can come between."""
    draw_leg(pen, look, pose, 1)
    draw_leg(pen, look, pose, 0)
    width = look.build * 0.1
    (near, far), (left, right) = pose.shoulders, pose.hips
    for a, b in ((near, left), (far, right), (pose.neck, pose.pelvis)):
        pen.limb(a, b, width, width * 0.95, look.shirt)
    pen.poly((near, far, right, left), look.shirt)
    draw_head(pen, look, pose)


def draw_arm(pen: Pen, look: Appearance, pose: Pose, side: int) -> None:
    """One arm, 0 the near and 1 the far; the far one is darker."""
    gain = 1.0 if side == 0 or pose.facing in (0, 2) else 0.78
    sleeve = shade(look.shirt, gain * 0.93)
    skin = shade(look.skin, gain)
    width = look.build * 0.062
    pen.limb(pose.shoulders[side], pose.elbows[side], width, width * 0.85, sleeve)
    lower = skin if look.short_sleeves else sleeve
    pen.limb(pose.elbows[side], pose.hands[side], width * 0.8, width * 0.62, lower)
    pen.disc(pose.hands[side], 0.029, skin)


def draw_leg(pen: Pen, look: Appearance, pose: Pose, side: int) -> None:
    """One leg, 0 the near and 1 the far; the far one is darker."""
    gain = 1.0 if side == 0 or pose.facing in (0, 2) else 0.78
    width = look.build * 0.092
    knee, foot = pose.knees[side], pose.feet[side]
    pen.limb(pose.hips[side], knee, width, width * 0.8, shade(look.legs, gain))
    lower = look.skin if look.short_legs else look.legs
    pen.limb(knee, foot, width * 0.72, width * 0.5, shade(lower, gain))
    along = (foot - knee) / max(abs(foot - knee), 1e-6)
    toe = along * 1j * (1.0 if pose.facing >= 0 else -1.0) if pose.facing in (1, -1) else along * 0.4
    pen.limb(foot, foot + toe * 0.07, 0.05, 0.04, shade(look.shoes, gain))


def draw_head(pen: Pen, look: Appearance, pose: Pose) -> None:
    """Head, hair or cap, and a face unless it looks away."""
    up = (pose.head - pose.neck) / abs(pose.head - pose.neck)
    front = up * -1j * (pose.facing if pose.facing in (1, -1) else 0.0)
    pen.limb(pose.neck, pose.head, 0.05, 0.05, shade(look.skin, 0.85))
    if look.long_hair:
        pen.limb(pose.head - front * 0.03, pose.neck - front * 0.05 - up * 0.02, 0.13, 0.09, look.hair)
    pen.disc(pose.head, HEAD_RADIUS, look.hair if pose.facing == 2 else look.skin)
    angle = cmath.phase(up) + (0.55 * pose.facing if pose.facing in (1, -1) else 0.0)
    top = look.props[2] if look.cap else look.hair
    pen.poly(oval(pose.head, 0.073, 0.073, start=angle - 1.45, end=angle + 1.45), top)
    if look.cap and pose.facing in (1, -1):
        pen.limb(pose.head + up * 0.03, pose.head + up * 0.03 + front * 0.11, 0.03, 0.02, look.props[2])
    if pose.facing != 2:
        _draw_face(pen, pose.head, up, front)


def _draw_face(pen: Pen, head: complex, up: complex, front: complex) -> None:
    eye, mouth = (30, 25, 25), (150, 70, 70)
    if abs(front) > 0:
        pen.disc(head + front * 0.042 - up * 0.002, 0.01, eye)
        pen.line((head + front * 0.035 - up * 0.035, head + front * 0.06 - up * 0.033), 0.012, mouth)
        return
    side = up * 1j
    for sign in (-1, 1):
        pen.disc(head + side * 0.026 * sign - up * 0.005, 0.01, eye)
    pen.line((head + side * 0.02 - up * 0.036, head - side * 0.02 - up * 0.036), 0.012, mouth)

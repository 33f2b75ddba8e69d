"""People and things that show no action: what hashtags are full of beside the wanted clips."""

import math

import numpy as np

from h2a_curation.sample_world.render.actions import Scene
from h2a_curation.sample_world.render.body import Appearance, Bends, Pose, draw_person, pose, random_colour
from h2a_curation.sample_world.render.overlay import text_sprite
from h2a_curation.sample_world.render.pen import Image, Pen, oval, shade

_DARK = (34, 34, 38)
_WHITE = (245, 245, 245)


def standing(pen: Pen, look: Appearance, time_s: float) -> None:
    """Stands about, talks, waves a hand; perhaps a telephone, a cup or a bag."""
    gesture = 0.03 * look.wave(time_s, 1.3)
    front = look.style[0] < 0.6
    rest = [complex(-0.17, 0.42), complex(0.17, 0.42)]
    kind = int(look.style[1] * 5)
    if kind == 1:
        rest[1] = complex(0.13, 0.68 + gesture)
    elif kind == 2:
        rest = [complex(-0.1, 0.5), complex(0.1, 0.5)]
    elif kind == 3:
        rest[0] = complex(-0.24, 0.9 + 2 * gesture)
    elif kind == 4:
        rest = [complex(-0.14, 0.56 + gesture), complex(0.14, 0.58 - gesture)]
    person = pose(
        complex(0.01 * look.wave(time_s, 2.3), 0.47), 0.0, hands=(rest[0], rest[1]), feet=(-0.07 + 0j, 0.07 + 0j),
        spread=1.0 if front else 0.4, bends=Bends(elbows=(-1, 1), knees=(-1, 1)), facing=0.0 if front else 1.0,
        nod=0.05 * look.wave(time_s, 1.7),
    )  # fmt: skip
    draw_person(pen, look, person)
    if kind == 1:
        pen.limb(person.hands[1] - 0.02j, person.hands[1] + 0.05j, 0.045, 0.045, _DARK)
    elif kind == 0 and look.style[2] < 0.5:
        hand = person.hands[1]
        pen.box(hand - 0.06 - 0.17j, hand + 0.07 - 0.03j, look.props[0])


def walking_pose(look: Appearance, time_s: float) -> Pose:
    """A stride, seen from the side."""
    stride = look.wave(time_s, 1.1)
    lift = (max(0.0, look.wave(time_s + 0.27, 1.1)), max(0.0, -look.wave(time_s + 0.27, 1.1)))
    return pose(
        complex(0, 0.46 + 0.012 * abs(stride)), 0.05,
        hands=(complex(0.12 * -stride, 0.47), complex(0.12 * stride, 0.47)),
        feet=(complex(0.16 * stride, 0.05 * lift[0]), complex(-0.16 * stride, 0.05 * lift[1])), spread=0.25,
    )  # fmt: skip


def walking(pen: Pen, look: Appearance, time_s: float) -> None:
    """Walks past; perhaps with a bag on the back."""
    across = (time_s * look.rate * 0.07 + look.phase) % 0.5 - 0.25
    moved = pen.moved(complex(across, 0))
    person = walking_pose(look, time_s)
    if look.style[0] < 0.4:
        moved.limb(person.neck - 0.09 - 0.06j, person.pelvis - 0.08 + 0.06j, 0.1, 0.12, look.props[0])
    draw_person(moved, look, person)


def talking_head(pen: Pen, look: Appearance, time_s: float) -> None:
    """A face that fills the picture and talks."""
    sway = complex(0.02 * look.wave(time_s, 2.7), 0.01 * look.wave(time_s, 1.9))
    head = 0.6j + sway
    pen.limb(-0.3 - 0.05j, 0.3 - 0.05j, 0.36, 0.36, look.shirt)
    pen.limb(0.1j, head - 0.1j, 0.17, 0.17, shade(look.skin, 0.85))
    if look.long_hair:
        pen.poly(oval(head - 0.06j, 0.3, 0.38), shade(look.hair, 0.8))
    pen.poly(oval(head, 0.23, 0.3), look.skin)
    pen.poly(
        [
            *oval(head + 0.03j, 0.245, 0.3, start=0.25, end=math.pi - 0.25),
            *oval(head + 0.12j, 0.2, 0.08, start=math.pi, end=0.0),
        ],
        look.hair,
    )
    blink = look.beat(time_s, 2.9) > 0.94
    for side in (-0.09, 0.09):
        eye = head + side + 0.02j
        pen.poly(oval(eye, 0.04, 0.006 if blink else 0.024), _WHITE)
        if not blink:
            pen.disc(eye + 0.008 * look.wave(time_s, 3.1), 0.018, _DARK)
        pen.line((eye - 0.045 + 0.055j, eye + 0.045 + 0.06j), 0.02, look.hair)
    pen.line((head + 0.01j, head + 0.025 - 0.07j, head - 0.015 - 0.075j), 0.014, shade(look.skin, 0.7))
    opened = 0.012 + 0.04 * abs(look.wave(time_s, 0.5)) * (0.5 + 0.5 * look.wave(time_s, 1.3))
    pen.poly(oval(head - 0.155j, 0.075, max(0.012, opened)), (150, 60, 64))
    if look.style[0] < 0.35:
        for side in (-0.09, 0.09):
            pen.ring(head + side + 0.02j, 0.066, 0.014, _DARK)
        pen.line((head - 0.03 + 0.025j, head + 0.03 + 0.025j), 0.014, _DARK)
    if look.style[1] < 0.4:
        pen.limb(0.2 + 0.05j, 0.06 + 0.33j, 0.07, 0.07, _DARK)
        pen.disc(0.05 + 0.35j, 0.06, (90, 90, 96))


def scenery(pen: Pen, look: Appearance, time_s: float) -> None:
    """No person: something drifts over the landscape."""
    drift = (time_s * 0.06 * look.rate + look.phase) % 1.4 - 0.7
    kind = int(look.style[0] * 4)
    if kind == 0:
        car = pen.moved(complex(drift, 0.02), scale=0.8)
        car.limb(-0.2 + 0.1j, 0.2 + 0.1j, 0.12, 0.12, look.props[0])
        car.limb(-0.08 + 0.18j, 0.1 + 0.18j, 0.1, 0.1, shade(look.props[0], 0.8))
        for wheel in (-0.15, 0.15):
            car.disc(complex(wheel, 0.05), 0.055, _DARK)
    elif kind == 1:
        pen.disc(complex(drift * 0.4, 0.95), 0.09, (250, 220, 120))
        for step in range(4):
            pen.disc(complex(drift + 0.09 * step, 0.7 + 0.03 * (step % 2)), 0.07, _WHITE)
    elif kind == 2:
        pen.box(-1 - 0.4j, 1 + 0.08j, look.props[1])
        boat = pen.moved(complex(drift, 0.06 + 0.01 * look.wave(time_s, 1.5)))
        boat.poly((-0.2 + 0.06j, 0.22 + 0.06j, 0.14 - 0.04j, -0.14 - 0.04j), look.props[0])
        boat.poly((0.02 + 0.09j, 0.02 + 0.42j, 0.2 + 0.1j), _WHITE)
    else:
        for step in range(3):
            foot = complex(-0.4 + 0.4 * step + 0.1 * look.style[step + 1], 0)
            bend = 0.03 * look.wave(time_s + 0.2 * step, 1.7)
            pen.limb(foot, foot + 0.4j + bend, 0.06, 0.04, (90, 66, 44))
            for side in (-0.11, 0.0, 0.11):
                pen.disc(
                    foot + side + 0.5j + 1.5 * bend + 0.06j * (side == 0),
                    0.14,
                    shade((60, 120, 50), look.between(4, 0.6, 1.4)),
                )


def pet(pen: Pen, look: Appearance, time_s: float) -> None:
    """A dog or a cat, its tail and legs moving."""
    fur = shade((150, 104, 64), look.between(0, 0.4, 1.5))
    trot = look.wave(time_s, 0.7) * (1.0 if look.style[1] < 0.5 else 0.1)
    for index, x in enumerate((-0.2, 0.16, -0.15, 0.21)):
        swing = 0.07 * trot * (1 if index % 3 == 0 else -1)
        pen.limb(complex(x, 0.24), complex(x + swing, 0.02), 0.075, 0.055, shade(fur, 0.8 if index < 2 else 1.0))
    tail = -0.27 + 0.36j
    pen.line((tail, tail - 0.1 + 0.1j, tail - 0.12 + complex(0.05 * look.wave(time_s, 0.5), 0.24)), 0.05, fur)
    pen.limb(-0.2 + 0.31j, 0.18 + 0.31j, 0.2, 0.22, fur)
    head = complex(0.33, 0.5 + 0.02 * look.wave(time_s, 1.3))
    pen.limb(0.2 + 0.36j, head, 0.15, 0.14, fur)
    pen.disc(head, 0.115, fur)
    if look.style[2] < 0.5:
        for side in (-0.07, 0.06):
            pen.poly((head + side - 0.035 + 0.07j, head + side + 0.035 + 0.07j, head + side + 0.19j), shade(fur, 0.8))
    else:
        pen.limb(head - 0.06 + 0.05j, head - 0.09 - 0.1j, 0.07, 0.08, shade(fur, 0.6))
        pen.limb(head + 0.08 - 0.03j, head + 0.15 - 0.04j, 0.09, 0.07, shade(fur, 1.15))
    pen.disc(head + 0.17 - 0.02j, 0.024, _DARK)
    pen.disc(head + 0.05 + 0.03j, 0.018, _DARK)


def food(pen: Pen, look: Appearance, time_s: float) -> None:
    """A plate from above, a spoon that stirs."""
    pen.box(-1.5 - 1j, 1.5 + 2j, look.props[1])
    pen.disc(0.5j, 0.44, _WHITE)
    pen.ring(0.5j, 0.33, 0.02, (205, 205, 205))
    pen.disc(0.5j, 0.3, shade(look.props[0], 0.9))
    for index in range(11):
        angle, far = index * 2.4 + look.phase * 6, 0.25 * math.sqrt((index + 0.5) / 11)
        colour = ((210, 70, 50), (90, 150, 60), (240, 210, 120), look.props[2])[index % 4]
        pen.disc(0.5j + far * complex(math.cos(angle), math.sin(angle)), 0.04 + 0.02 * look.style[index % 8], colour)
    turn = math.tau * look.beat(time_s, 1.6)
    tip = 0.5j + 0.12 * complex(math.cos(turn), math.sin(turn))
    pen.limb(tip, tip + 0.42 - 0.36j, 0.035, 0.035, (180, 182, 188))
    pen.limb(tip - 0.02, tip + 0.03 - 0.02j, 0.09, 0.07, (180, 182, 188))


SCENES: dict[str, Scene] = {
    "talking-head": Scene(talking_head, 0.62, 0.95),
    "standing": Scene(standing, 0.75, 1.05),
    "walking": Scene(walking, 1.0, 1.05),
    "scenery": Scene(scenery, 1.1, 1.0),
    "pet": Scene(pet, 1.0, 0.75),
    "food": Scene(food, 0.95, 1.0),
}
"""The fillers that move; `slides` and `text-card` are pages."""

_TEXT = (
    "today we learn five easy steps to plan budget tips quarterly results why it matters first point second idea "
    "notes from the talk summary team goals market growth next week agenda question and answer thank you follow "
    "for more part two read this before you start nobody tells you the truth about morning routine"
)
_WORDS = tuple(_TEXT.split())


def page(rng: np.random.Generator, kind: str, width_px: int, height_px: int) -> Image:
    """One still picture: `slides` a title, lines and a figure or chart, `text-card` a sentence in big letters."""
    paper = random_colour(rng, saturation=0.8)
    unit = min(width_px, height_px)
    ink = (20, 20, 24) if sum(paper) > 330 else (240, 240, 240)
    sheet = np.full((height_px, width_px, 3), paper, np.uint8)
    if kind == "text-card":
        words = " ".join(rng.choice(_WORDS, rng.integers(4, 11)))
        sprite = text_sprite(words, round(unit * rng.uniform(0.09, 0.13)), round(width_px * 0.9), ink, box=paper)
        _paste(sheet, sprite, 0.5, rng.uniform(0.35, 0.6))
        return sheet
    pen = Pen(sheet, complex(0, height_px), complex(width_px, 0))
    tall = height_px / width_px
    accent = random_colour(rng)
    pen.box(complex(0, tall * 0.86), complex(1, tall), accent)
    title = " ".join(rng.choice(_WORDS, rng.integers(2, 4)))
    _paste(sheet, text_sprite(title, round(unit * 0.07), round(width_px * 0.9), _WHITE, box=None), 0.5, 0.08)
    for line in range(rng.integers(3, 6)):
        words = "- " + " ".join(rng.choice(_WORDS, rng.integers(2, 5)))
        sprite = text_sprite(words, round(unit * 0.045), round(width_px * 0.86), ink, box=paper)
        _paste(sheet, sprite, 0.42, 0.22 + 0.075 * line)
    _chart(rng, pen, tall)
    return sheet


def _chart(rng: np.random.Generator, pen: Pen, tall: float) -> None:
    low = complex(0.15, tall * 0.08)
    if rng.random() < 0.6:
        for bar in range(5):
            corner = low + complex(0.14 * bar, 0)
            pen.box(corner, corner + complex(0.09, tall * rng.uniform(0.05, 0.28)), random_colour(rng))
    else:
        centre = complex(0.5, tall * 0.22)
        start = 0.0
        for end in (1.3, 2.9, 4.4, math.tau):
            pen.poly([centre, *oval(centre, 0.16, 0.16, start=start, end=end)], random_colour(rng))
            start = end
    pen.line((low, low + 0.7), 0.006, (90, 90, 90))


def _paste(sheet: Image, sprite: Image, x: float, y: float) -> None:
    sprite = sprite[: sheet.shape[0], : sheet.shape[1]]
    height, width = sprite.shape[:2]
    top = min(max(0, round(y * sheet.shape[0] - height / 2)), sheet.shape[0] - height)
    left = min(max(0, round(x * sheet.shape[1] - width / 2)), sheet.shape[1] - width)
    part = sheet[top : top + height, left : left + width]
    alpha = sprite[..., 3:].astype(np.uint16)
    part[:] = (part * (255 - alpha) + sprite[..., :3] * alpha) // 255

"""One shot: a subject before a backdrop, seen by a camera, frame by frame."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from h2a_curation.sample_world.clip_spec import Shot
from h2a_curation.sample_world.render import actions, fillers
from h2a_curation.sample_world.render.backdrop import MARGIN, backdrop
from h2a_curation.sample_world.render.body import Appearance, draw_person, random_look
from h2a_curation.sample_world.render.camera import (
    Camera,
    Light,
    Occluder,
    random_camera,
    random_light,
    random_occluder,
)
from h2a_curation.sample_world.render.overlay import Overlay, random_overlay
from h2a_curation.sample_world.render.pen import Image, Pen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A figure on the canvas: where its ground point lies, from the canvas's centre, and its height."""

    at_px: complex
    height_px: float
    mirrored: bool
    look: Appearance

    def pen(self, frame: Image, camera: Camera, time_s: float) -> Pen:
        turn, origin = camera.view(time_s)
        return Pen(frame, origin + turn * self.at_px, turn * self.height_px, mirrored=self.mirrored)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    scene: actions.Scene
    figure: _Placed
    bystanders: tuple[_Placed, ...]
    canvas: Image
    camera: Camera
    light: Light
    occluder: Occluder | None
    overlay: Overlay | None

    def frame(self, time_s: float) -> Image:
        frame = self.camera.warp(self.canvas, time_s)
        for person in self.bystanders:
            draw_person(person.pen(frame, self.camera, time_s), person.look, fillers.walking_pose(person.look, time_s))
        self.scene.draw(self.figure.pen(frame, self.camera, time_s), self.figure.look, time_s)
        if self.occluder is not None:
            self.occluder.draw(frame, time_s)
        frame = self.light.apply(frame, time_s)
        if self.overlay is not None:
            self.overlay.draw(frame)
        return frame


def shot_frames(
    shot: Shot, rng: np.random.Generator, *, width_px: int, height_px: int, times_s: Iterable[float], overlay_text: str
) -> Iterator[Image]:
    """A frame for each time. The look depends on the generator alone, not on the times."""
    if shot.subject not in actions.SCENES and shot.subject not in fillers.SCENES:
        still = fillers.page(rng, shot.subject, width_px, height_px)
        overlay = random_overlay(rng, overlay_text, width_px, height_px)
        if overlay is not None:
            overlay.draw(still)
        for _ in times_s:
            yield still
        return
    stage = _build_set(shot, rng, width_px, height_px, overlay_text)
    if shot.frozen:
        still = stage.frame(rng.uniform(0, shot.duration_s))
        for _ in times_s:
            yield still
        return
    for time_s in times_s:
        yield stage.frame(time_s)


def _build_set(shot: Shot, rng: np.random.Generator, width_px: int, height_px: int, text: str) -> _Set:
    scene = {**actions.SCENES, **fillers.SCENES}[shot.subject]
    fill = rng.uniform(0.66, 1.0)
    tall = min(fill * width_px / scene.width, fill * 0.9 * height_px / scene.height)
    spare_x = max(0.04 * width_px, width_px - tall * scene.width) / 2
    spare_y = max(0.06 * height_px, height_px - tall * scene.height) / 2
    low_y = rng.uniform(-0.55, 0.75) * spare_y + tall * scene.height / 2
    at = complex(rng.uniform(-0.8, 0.8) * spare_x, low_y)
    figure = _Placed(at_px=at, height_px=tall, mirrored=bool(rng.random() < 0.5), look=random_look(rng))
    bystanders = tuple(_bystander(rng, at, tall, width_px) for _ in range(rng.integers(1, 4)) if rng.random() < 0.25)
    return _Set(
        scene=scene,
        figure=figure,
        bystanders=bystanders,
        canvas=backdrop(rng, width_px, height_px, height_px * MARGIN / 2 + low_y),
        camera=random_camera(rng, width_px, height_px, shot.duration_s),
        light=random_light(rng, width_px, height_px),
        occluder=random_occluder(rng),
        overlay=random_overlay(rng, text, width_px, height_px),
    )


def _bystander(rng: np.random.Generator, at: complex, tall: float, width_px: int) -> _Placed:
    """Smaller, farther away, to one side."""
    height = tall * rng.uniform(0.35, 0.7)
    x = rng.choice([-1, 1]) * rng.uniform(0.25, 0.5) * width_px
    return _Placed(
        at_px=complex(x, at.imag - 0.12 * tall * rng.random()),
        height_px=height,
        mirrored=bool(rng.random() < 0.5),
        look=random_look(rng),
    )

"""Every action that can be drawn, with the room it needs around the figure."""

from collections.abc import Callable
from dataclasses import dataclass

from h2a_curation.sample_world.render import balls, music, play, rides, strength, swings
from h2a_curation.sample_world.render.body import Appearance
from h2a_curation.sample_world.render.pen import Pen

Draw = Callable[[Pen, Appearance, float], None]
"""`draw(pen, look, time in seconds)`: one moment of the movement with its props."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn, and the room it takes."""

    draw: Draw
    width: float
    """Room to show, in figure heights, centred on 0."""
    height: float
    """Room to show above the ground, in figure heights."""


SCENES: dict[str, Scene] = {
    "archery": Scene(swings.archery, 1.3, 1.15),
    "ball-juggling": Scene(balls.ball_juggling, 0.8, 1.3),
    "baseball-swing": Scene(swings.baseball_swing, 1.1, 1.2),
    "basketball-shot": Scene(balls.basketball_shot, 1.3, 1.6),
    "bowling": Scene(balls.bowling, 1.5, 1.0),
    "clean-and-jerk": Scene(strength.clean_and_jerk, 1.2, 1.3),
    "cycling": Scene(rides.cycling, 1.35, 1.15),
    "deadlift": Scene(strength.deadlift, 1.15, 1.0),
    "drumming": Scene(music.drumming, 1.3, 1.0),
    "golf-swing": Scene(swings.golf_swing, 1.15, 1.15),
    "guitar-playing": Scene(music.guitar_playing, 1.0, 1.0),
    "handstand": Scene(strength.handstand, 0.9, 1.15),
    "horse-riding": Scene(rides.horse_riding, 1.5, 1.4),
    "hula-hoop": Scene(play.hula_hoop, 0.95, 1.1),
    "jump-rope": Scene(play.jump_rope, 0.95, 1.3),
    "kayaking": Scene(rides.kayaking, 1.6, 0.9),
    "pull-ups": Scene(strength.pull_ups, 1.05, 1.6),
    "punching-bag": Scene(strength.punching_bag, 1.1, 1.4),
    "push-ups": Scene(strength.push_ups, 1.25, 0.6),
    "rock-climbing": Scene(play.rock_climbing, 1.1, 1.4),
    "skateboarding": Scene(rides.skateboarding, 1.1, 1.2),
    "skiing": Scene(rides.skiing, 1.2, 0.9),
    "soccer-juggling": Scene(balls.soccer_juggling, 0.9, 1.1),
    "surfing": Scene(rides.surfing, 1.4, 1.1),
    "tennis-serve": Scene(swings.tennis_serve, 1.2, 1.6),
    "violin-playing": Scene(music.violin_playing, 1.0, 1.0),
}

"""A run's state as a checkpoint holds it, and how a run takes it up again, on as many processes as there are then."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2a_curation.videomae.hardware.parallel import divided_like, on_host
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.settings import as_json, differences

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_SHOWN_DIFFERENCES = 3
"""A run of another preset differs in dozens of settings, and a mistake is told in one line."""


def state_of(learner: Learner, num_done: int, epoch: int, settings: "DataclassInstance") -> dict[str, Any]:
    """A copy in host memory, in the official layout, whole. All processes must call this; the first one has it then."""
    keep = learner.world.first
    return {
        "model": on_host(learner.model.state_dict(), keep=keep),
        "optimizer": on_host(learner.optimizer.state_dict(), keep=keep),
        "epoch": epoch,
        "args": as_json(settings),
        "step": num_done,
    }


def resume(out: Path, settings: "DataclassInstance", learner: Learner) -> int:
    """Load the newest checkpoint, if there is one, and return the number of steps done.

    A setting that the checkpoint lacks, as a run that was begun before it existed, counts as its default.

    ValueError in one line if it is of another run or model, damaged, or not to be seen from this process.
    """
    path = learner.world.agreed(checkpoint.newest(out))
    if path is None:
        return 0
    if not path.exists():
        raise ValueError(f"{path} is not here, but the first process has it: all hosts need the same folder --out")
    content = checkpoint.load(path)
    _check_settings(path, content.get("args"), settings)
    own = learner.model.state_dict()
    tensors = checkpoint.weights(content)
    divided = {key: divided_like(whole, own[key]) if key in own else whole for key, whole in tensors.items()}
    checkpoint.fill(learner.model, divided, str(path))
    _fill_optimizer(learner, content["optimizer"])
    return int(content["step"])


def _check_settings(path: Path, stored: Any, settings: "DataclassInstance") -> None:
    if differing := differences(stored, settings):
        names = ", ".join(dict.fromkeys(difference.field for difference in differing))
        shown = [difference.says for difference in differing[:_SHOWN_DIFFERENCES]]
        raise ValueError(
            f"{path} is of a run with another {names}: choose another folder, or empty this ({', '.join(shown)})"
        )


def _fill_optimizer(learner: Learner, state: dict[str, Any]) -> None:
    """A state's index is the parameter's place in the groups."""
    parameters = [p for group in learner.optimizer.param_groups for p in group["params"]]
    divided = {
        index: {key: divided_like(value, parameters[index]) for key, value in values.items()}
        for index, values in state["state"].items()
    }
    learner.optimizer.load_state_dict({**state, "state": divided})

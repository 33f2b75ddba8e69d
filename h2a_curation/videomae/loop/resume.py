"""A run's state as a checkpoint holds it, and how a run takes it up again, on as many processes as there are then."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2a_curation.videomae.hardware.parallel import divided_like, on_host
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.settings import Difference, as_json, differences

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Tensor

_SHOWN_DIFFERENCES = 3
"""A run of another preset differs in dozens of settings, and a mistake is told in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The state with which a run begins or goes on."""

    step: int = 0
    """Steps that are done."""
    offset: int = 0
    """What is added to a step for its place in the stream of batches: see `placed_anew`."""
    ancestry: tuple[dict[str, Any], ...] = ()
    """How the run came about: each change of its settings and each branch, with the step at which it was."""
    changed: tuple[Difference, ...] = field(default=(), repr=False)
    """What it has otherwise from here on than up to here."""

    def told(self) -> list[str]:
        """Its ancestry in words, a line each."""
        lines = []
        for entry in self.ancestry:
            branch = f"branched from {entry['from']}" if "from" in entry else "changed"
            values = ", ".join(f"{name} {now} in place of {before}" for name, (before, now) in entry["changed"].items())
            lines.append(f"{branch} after step {entry['step']}" + (f": {values}" if values else ""))
        return lines


def state_of(
    learner: Learner, beginning: Beginning, num_done: int, epoch: int, settings: "DataclassInstance"
) -> dict[str, Any]:
    """A copy in host memory, in the official layout, whole. All processes must call this; the first one has it then."""
    keep = learner.world.first
    average = on_host(learner.average.weights, keep=keep) if learner.average else None
    more = {"model_ema": average, "offset": beginning.offset, "ancestry": list(beginning.ancestry)}
    return {
        "model": on_host(learner.model.state_dict(), keep=keep),
        "optimizer": on_host(learner.optimizer.state_dict(), keep=keep),
        "epoch": epoch,
        "args": as_json(settings),
        "step": num_done,
        **{key: value for key, value in more.items() if value},
    }


def resume(
    out: Path,
    settings: "DataclassInstance",
    learner: Learner,
    *,
    changeable: tuple[str, ...] = (),
    branch_from: Path | None = None,
) -> Beginning:
    """Load the newest checkpoint of the folder, if there is one, else that of the run to branch from.

    A setting that the checkpoint lacks, as a run that was begun before it existed, counts as its default. Settings may
    differ in what the recipe names as changeable.

    ValueError in one line if it is of another run or model, damaged, or not to be seen from this process.
    """
    path, branched = learner.world.agreed(_found(out, branch_from))
    if path is None:
        return Beginning()
    if not path.exists():
        raise ValueError(f"{path} is not here, but the first process has it: all hosts need the same folder --out")
    content = checkpoint.load(path)
    if not isinstance(content, dict) or "step" not in content or "optimizer" not in content:
        raise ValueError(f"{path} is no state of a run that could go on: it has no optimiser or no number of steps")
    changed = _allowed(path, content.get("args"), settings, changeable)
    own = learner.model.state_dict()
    tensors = checkpoint.weights(content)
    divided = {key: divided_like(whole, own[key]) if key in own else whole for key, whole in tensors.items()}
    checkpoint.fill(learner.model, divided, str(path))
    _fill_optimizer(learner, content["optimizer"])
    _fill_average(path, learner, content.get("model_ema"))
    step, ancestry = int(content["step"]), list(content.get("ancestry", ()))
    if changed or branched:
        values = {d.name: [d.stored, d.asked] for d in changed}
        ancestry.append({"step": step, **({"from": str(path)} if branched else {}), "changed": values})
    return Beginning(step=step, offset=int(content.get("offset", 0)), ancestry=tuple(ancestry), changed=tuple(changed))


def placed_anew(beginning: Beginning, old_batch: int, new_batch: int, num_clips: int) -> int:
    """The offset of a run that goes on with another batch: in the same epoch, at the clip that comes next.

    Where that clip begins no batch, the batch that holds it is taken, so that no clip of the epoch is left out.
    """
    old_per_epoch, new_per_epoch = (max(1, num_clips // batch) for batch in (old_batch, new_batch))
    epoch, step_in_epoch = divmod(beginning.step + beginning.offset, old_per_epoch)
    within = min(step_in_epoch * old_batch // new_batch, new_per_epoch - 1) if step_in_epoch else 0
    return epoch * new_per_epoch + within - beginning.step


def say_beginning(beginning: Beginning, num_steps: int, say: Callable[[str], None]) -> None:
    """Tell whether a run goes on, and what is otherwise than it was begun."""
    if beginning.step:
        say(f"goes on after step {beginning.step} of {num_steps}")
    for line in beginning.told():
        say(line)


def _found(out: Path, branch_from: Path | None) -> tuple[Path | None, bool]:
    """The checkpoint to go on from, and whether it is another run's."""
    path = checkpoint.newest(out)
    if path is not None or branch_from is None:
        return path, False
    if branch_from.is_dir():
        found = checkpoint.newest(branch_from)
        if found is None:
            raise ValueError(f"{branch_from} has no checkpoint to branch from")
        return found.absolute(), True
    if not branch_from.is_file():
        raise ValueError(f"{branch_from} is no run's folder and no checkpoint to branch from")
    return branch_from.absolute(), True


def _allowed(path: Path, stored: Any, settings: "DataclassInstance", changeable: tuple[str, ...]) -> list[Difference]:
    """What is otherwise, where the run may go on so."""
    found = differences(stored, settings)
    refused = [difference for difference in found if not difference.allowed(changeable)]
    if not refused:
        return [difference for difference in found if difference.counts]
    names = ", ".join(dict.fromkeys(difference.field for difference in refused))
    shown = ", ".join(difference.says for difference in refused[:_SHOWN_DIFFERENCES])
    remedy = "choose another folder, or empty this"
    if all("may_change" in difference.metadata for difference in refused):
        marked = ",".join([*changeable, *(difference.name for difference in refused)])
        remedy += f", or go on with the change by --set 'changeable=[{marked}]'"
    raise ValueError(f"{path} is of a run with another {names}: {remedy} ({shown})")


def _fill_average(path: Path, learner: Learner, weights: "dict[str, Tensor] | None") -> None:
    if learner.average is None:
        return
    if weights is None or weights.keys() != learner.average.weights.keys():
        raise ValueError(f"{path} holds no average of this model's weights, with which the run could go on")
    for name, own in learner.average.weights.items():
        own.copy_(divided_like(weights[name], own))


def _fill_optimizer(learner: Learner, state: dict[str, Any]) -> None:
    """A state's index is the parameter's place in the groups."""
    parameters = [p for group in learner.optimizer.param_groups for p in group["params"]]
    divided = {
        index: {key: divided_like(value, parameters[index]) for key, value in values.items()}
        for index, values in state["state"].items()
    }
    learner.optimizer.load_state_dict({**state, "state": divided})

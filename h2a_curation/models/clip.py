"""The only open_clip: frames and prompts to vectors, the same numbers every time on one kind of device.

One clip is one batch, in fp32 and, on a CPU, on one thread: so a clip's vectors depend neither on other clips nor on
the number of workers. `fingerprint` and `logit_scale` load no model, for who only compares or decides.
"""

import contextlib
import difflib
import functools
import hashlib
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
from numpy.typing import NDArray

from h2a_curation.foundation import json_file, weights_file

if TYPE_CHECKING:
    import torch

LOCAL = "local-dir:"
_HUB = "hf-hub:"
_LOCAL_CONFIG = "open_clip_config.json"
_LOCAL_WEIGHTS = "open_clip_model.safetensors"
_HUB_WEIGHTS = (_LOCAL_WEIGHTS, "open_clip_pytorch_model.bin")
"""Names of a model's weights in a repository of the model hub."""
_PATIENCE_S = 3.0
"""How long the model hub may take to say a word: who has no network waits no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipModel:
    """A loaded model. Make one by `load`."""

    logit_scale: float
    """What cosines are multiplied with before a softmax."""
    fingerprint: str
    _model: Any
    _preprocess: Callable[[Any], "torch.Tensor"]
    _tokenize: Callable[[list[str]], "torch.Tensor"]
    _device: str

    @classmethod
    def load(cls, name: str, pretrained: str | None) -> "ClipModel":
        """Any open_clip model name with a tag or a file of weights, `hf-hub:ORG/REPO`, or `local-dir:FOLDER`.

        Raises ValueError for what the user can mend, ConnectionError when weights must be fetched and cannot.
        """
        mark = fingerprint(name, pretrained)
        open_clip = import_open_clip()
        if not name.startswith(LOCAL):
            _is_hub_reachable()
        try:
            given = _preprocessing(name, pretrained)
            model, preprocess = open_clip.create_model_from_pretrained(name, pretrained, device=_device(), **given)
            tokenize = open_clip.get_tokenizer(name, **_tokenizer_arguments(name))
        # open_clip asserts that shapes fit.
        except (RuntimeError, OSError, AssertionError, ImportError) as error:
            raise _explained(name, pretrained, error) from error
        return cls(
            logit_scale=model.logit_scale.exp().item(),
            fingerprint=mark,
            _model=model.eval(),
            _preprocess=preprocess,
            _tokenize=tokenize,
            _device=_device(),
        )

    def encode_images(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """[frame, height, width, rgb] to [frame, dim], rows of length 1."""
        import torch
        from PIL import Image

        with _one_thread(), torch.inference_mode():
            pictures = torch.stack([self._preprocess(Image.fromarray(frame)) for frame in frames])
            return _halves(self._model.encode_image(pictures.to(self._device), normalize=True))

    def encode_texts(self, texts: list[str]) -> NDArray[np.float16]:
        """[text, dim], rows of length 1. Words past the model's context length are cut off."""
        import torch

        with _one_thread(), torch.inference_mode():
            tokens = self._tokenize(texts).to(self._device)
            return _halves(self._model.encode_text(tokens, normalize=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class TextContext:
    """What a model reads of a text."""

    max_tokens: int
    """Tokens that it reads, those for begin and end among them; what is beyond is cut."""
    num_tokens: Callable[[str], int]
    """Tokens that a text takes if nothing is cut."""


@functools.cache
def text_context(name: str) -> TextContext:
    """The text context of a model by its tokenizer. No weights are loaded; ValueError where there is no such model,
    ConnectionError where the tokenizer must be fetched and cannot.
    """
    open_clip = import_open_clip()
    if name.startswith(LOCAL):
        _identity(name, None)
    elif not name.startswith(_HUB) and name not in open_clip.list_models():
        raise _unknown(name, open_clip.list_models())
    try:
        tokenize = open_clip.get_tokenizer(name, **_tokenizer_arguments(name))
    except (OSError, ImportError) as error:
        raise _explained(name, None, error) from error

    @functools.cache
    def num_tokens(text: str) -> int:
        enough = tokenize.context_length + 4 * len(text.encode())  # a letter that is written otherwise takes some more
        tokens = tokenize([text], context_length=enough)[0].tolist()
        return max(n for n, token in enumerate(tokens, 1) if token != tokens[-1])  # the last one is padding

    return TextContext(max_tokens=tokenize.context_length, num_tokens=num_tokens)


@functools.cache
def fingerprint(name: str, pretrained: str | None) -> str:
    """What the model's numbers depend on: weights, preprocessing, programs, kind of device.

    Files are hashed; a tag or a hub repository stands for itself. Raises ValueError when there is no such model.
    """
    programs = "+".join(f"{package}-{version(package)}" for package in ("open_clip_torch", "timm", "torch"))
    return f"{_identity(name, pretrained)}+{programs}+{_device()}-fp32+one-thread+batch-of-one-clip"


def check_at_hand(name: str, pretrained: str | None) -> None:
    """ConnectionError where the weights are not on this machine and nobody gives them now, before any work is done.

    ValueError where there is no such model. Nothing is loaded or fetched. Weights that come from elsewhere than a model
    hub are not looked for.
    """
    fingerprint(name, pretrained)
    if name.startswith(LOCAL) or (pretrained is not None and Path(pretrained).is_file()):
        return
    from huggingface_hub import try_to_load_from_cache

    repository = _repository(name, pretrained)
    is_here = any(isinstance(try_to_load_from_cache(repository, file), str) for file in _HUB_WEIGHTS)
    if repository and not is_here and not _is_hub_reachable():
        raise _absent(name, pretrained)


@functools.cache
def _is_hub_reachable() -> bool:
    """Whether the model hub answers by now; where it does not, its library is told to take what is on this machine.

    The library would ask six times, and wait half a minute and more between, for every file of a model.
    """
    from huggingface_hub import constants

    is_up = True
    try:
        asked = Request(constants.ENDPOINT, method="HEAD")
        urlopen(asked, timeout=_PATIENCE_S).close()  # nosec B310  # the hub's address, the library's or the user's own
    except HTTPError as answer:  # whatever it says but that it cannot, it is there
        is_up = answer.code < HTTPStatus.INTERNAL_SERVER_ERROR
    except URLError as failed:  # the library has certificates of its own
        is_up = isinstance(failed.reason, ssl.SSLError)
    except OSError:
        is_up = False
    constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE or not is_up
    return is_up and not constants.HF_HUB_OFFLINE


def logit_scale(name: str, pretrained: str | None) -> float:
    """What cosines are multiplied with: read from the file of weights if one is at hand, else from the loaded model."""
    from safetensors import safe_open

    file = _file_at_hand(name, pretrained)
    if file is not None and file.suffix == ".safetensors":
        weights_file.check(file)
        with safe_open(file, framework="numpy") as tensors:
            if "logit_scale" in tensors.keys():  # noqa: SIM118 (not a dict)
                return float(np.exp(tensors.get_tensor("logit_scale").astype(np.float32)).item())
    return ClipModel.load(name, pretrained).logit_scale


def _identity(name: str, pretrained: str | None) -> str:
    if name.startswith(LOCAL):
        folder = Path(name.removeprefix(LOCAL))
        files = [folder / _LOCAL_CONFIG, folder / _LOCAL_WEIGHTS]
        if missing := [file.name for file in files if not file.is_file()]:
            raise ValueError(f"no model in {folder}: {' and '.join(missing)} missing there")
        files += [Path(file) for file in _tokenizer_arguments(name).values()]
        return f"{LOCAL}{_hash(files)}"
    if name.startswith(_HUB):
        return name
    _refuse_unknown(name, pretrained)
    assert pretrained is not None
    if not Path(pretrained).is_file():
        return f"{name}/{pretrained}"
    made = "".join(f"+{_plain(value)}" for value in _preprocessing(name, pretrained).values())
    return f"{name}/{_hash([Path(pretrained)])}{made}"


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _preprocessing(name: str, pretrained: str | None) -> dict[str, Any]:
    """How pictures become the model's input, as arguments of open_clip, where only a tag would tell it.

    For a file of weights open_clip takes the way of the first CLIP, whatever the model: the middle of a picture, where
    PE and SigLIP see all of it, squashed. Nothing where tags of the model differ, or say the same.
    """
    if name.startswith((LOCAL, _HUB)) or pretrained is None or not Path(pretrained).is_file():
        return {}
    open_clip = import_open_clip()
    keys = ("mean", "std", "interpolation", "resize_mode")
    by_tag = [open_clip.get_pretrained_cfg(name, tag) for tag in open_clip.list_pretrained_tags_by_model(name)]
    ways = {tuple(of[key] for key in keys) for of in by_tag if of.keys() >= set(keys)}
    usual = asdict(open_clip.transform.PreprocessCfg())
    if len(ways) != 1 or ways == {tuple(usual[key] for key in keys)}:
        return {}
    [way] = ways
    return {f"image_{key}": value for key, value in zip(keys, way, strict=True)}


def _refuse_unknown(name: str, pretrained: str | None) -> None:
    open_clip = import_open_clip()
    names = open_clip.list_models()
    if name not in names:
        raise _unknown(name, names)
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained not in tags and not (pretrained and Path(pretrained).is_file()):
        raise ValueError(
            f"{pretrained or 'no value'} given as pretrained: for {name} give a file of weights"
            f" or one of: {', '.join(tags) or 'none'}"
        )


def _unknown(name: str, names: list[str]) -> ValueError:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0)
    return ValueError(f"open_clip has no model {name}: did you mean {near[0]}? Or give {LOCAL}FOLDER")


def _explained(name: str, pretrained: str | None, error: Exception) -> Exception:
    """open_clip reports all that goes wrong as RuntimeError: what is a network's fault is told by its words."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    what = " ".join(filter(None, [name, pretrained]))
    if isinstance(error, ImportError):
        return ValueError(f"{what} needs a package that is not installed: pip install {error.name}")
    if isinstance(error, OSError) or "download" in reason or "HF Hub" in reason:
        return _absent(name, pretrained)
    return ValueError(f"the weights of {what} do not fit the model: {reason}")


def _absent(name: str, pretrained: str | None) -> ConnectionError:
    what = " ".join(filter(None, [name, pretrained]))
    return ConnectionError(
        f"the weights of {what} are not on this machine and could not be fetched: go online once, give a file of"
        f" weights (--pretrained FILE), or a folder with a model (--model {LOCAL}FOLDER)"
    )


def _repository(name: str, pretrained: str | None) -> str:
    """The model hub's repository of the weights; empty for weights from elsewhere."""
    if name.startswith(_HUB):
        return name.removeprefix(_HUB)
    return str(import_open_clip().get_pretrained_cfg(name, pretrained).get("hf_hub", "").rstrip("/"))


def _file_at_hand(name: str, pretrained: str | None) -> Path | None:
    if name.startswith(LOCAL):
        return Path(name.removeprefix(LOCAL)) / _LOCAL_WEIGHTS
    if pretrained is not None and Path(pretrained).is_file():
        return Path(pretrained)
    from huggingface_hub import try_to_load_from_cache

    repository = _repository(name, pretrained)
    found = try_to_load_from_cache(repository, _LOCAL_WEIGHTS) if repository else None
    return Path(found) if isinstance(found, str) else None


def _tokenizer_arguments(name: str) -> dict[str, str]:
    """A local model's own vocabulary, which its config names relative to its folder: open_clip would look in the
    working directory.
    """
    if not name.startswith(LOCAL):
        return {}
    folder = Path(name.removeprefix(LOCAL))
    config = json_file.read_object(folder / _LOCAL_CONFIG)
    try:
        vocabulary = config["model_cfg"]["text_cfg"].get("tokenizer_kwargs", {}).get("bpe_path")
    except (KeyError, TypeError, AttributeError) as broken:
        raise ValueError(f"{folder / _LOCAL_CONFIG}: no configuration of an open_clip model") from broken
    return {"bpe_path": str(folder / vocabulary)} if vocabulary else {}


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]


@functools.cache
def _device() -> str:
    """The kind of device. A CPU build of torch says so in its version, which spares who only compares its import."""
    if version("torch").endswith("+cpu"):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def import_open_clip() -> Any:
    """The package: some seconds the first time."""
    from h2a_curation.models.torchvision_compat import make_importable

    make_importable()
    # timm, below it, imports wandb where that is installed, for a logger: most of a second in each process, and folders
    # that a worker leaves behind.
    with _unimportable("wandb"):
        import open_clip

    return open_clip


@contextlib.contextmanager
def _unimportable(package: str) -> Iterator[None]:
    """While it is open, importing the package fails as where it is not installed; one that is imported stays so."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # how Python marks what cannot be imported
    try:
        yield
    finally:
        del sys.modules[package]


def _halves(vectors: "torch.Tensor") -> NDArray[np.float16]:
    return np.asarray(vectors.float().cpu().numpy().astype(np.float16))


_encoding = threading.Lock()
_num_encoding = 0
_num_threads_before = 0


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """torch's number of threads is the process's: set while anybody encodes, and given back to training by the last."""
    global _num_encoding, _num_threads_before
    import torch

    with _encoding:
        if _num_encoding == 0:
            _num_threads_before = torch.get_num_threads()
        _num_encoding += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _encoding:
            _num_encoding -= 1
            if _num_encoding == 0:
                torch.set_num_threads(_num_threads_before)

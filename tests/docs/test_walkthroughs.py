"""Pages whose blocks build on one another, run from top to bottom on what a small quickstart has made."""

import contextlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from h2a_curation.models.torchvision_compat import make_importable
from h2a_curation.videomae.convert.fill import encoder_from
from h2a_curation.videomae.convert.run import convert
from tests.docs.test_docs import IN_ORDER, ROOT
from tests.videomae.evaluate import miniature

OF_OTHERS = ("datasets", "transformers", "webdataset")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def places(mini, tmp_path_factory):
    """What stands for the paths that pages name, in the order in which they are replaced."""
    [newest] = (mini / "pretrain").glob("checkpoint-[0-9]*.pth")
    return {
        "build/quickstart/pretrain/checkpoint-N.pth": newest,
        "build/quickstart": mini,
        "build": tmp_path_factory.mktemp("walk"),
    }


@pytest.fixture
def without_network(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))


def blocks(page, places):
    for language, text in BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        for named, place in places.items():
            text = re.sub(rf"\b{named}(?=[/ \n\"])", str(place), text)
        yield language, text


def missing(code):
    """Packages of others that a block imports and that are not installed."""
    named = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)) & set(OF_OTHERS)
    return sorted(name for name in named if not is_installed(name))


def is_installed(name):
    make_importable()
    try:
        __import__(name)
    except ModuleNotFoundError:
        return False
    return True


def run(language, text, h2a_here, places):
    if language == "python":
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(text, "docs", "exec"), {"__name__": "__main__"})
        assert out.getvalue().strip()
        return
    if "/data/" in text:  # a benchmark, which nobody has here
        return
    for line in text.splitlines():
        if str(places["build"]) in line:
            done = h2a_here(*shlex.split(line)[1:])
            assert done.code == 0, done.err


@pytest.mark.parametrize("page", IN_ORDER)
def test_blocks_of_a_page_run_one_after_the_other(h2a_here, places, page, without_network):
    num_run, left_out = 0, set()
    for language, text in blocks(page, places):
        absent = missing(text)
        left_out.update(absent)
        if not absent:
            run(language, text, h2a_here, places)
            num_run += 1
    assert num_run > 2
    if left_out:
        pytest.skip(f"ran {num_run} blocks; those with {', '.join(sorted(left_out))} need these packages")


def test_processes_of_the_torch_loader_share_the_clips(places):
    [code] = [text for language, text in blocks("training-from-shards.md", places) if "DistributedSampler" in text]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env={**env, "RANK": str(r)}, stdout=subprocess.PIPE, text=True)
        for r in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    seen = [re.findall(r"\b[0-9a-f]{64}\b", text) for text in said]
    members = pq.read_table(places["build/quickstart"] / "lake" / "versions" / "v1" / "clip.parquet").to_pylist()
    trained = {row["clip_id"] for row in members if row["split"] == "train"}
    assert set(seen[0]) | set(seen[1]) == trained
    assert len(seen[0]) == len(seen[1]) == -(-len(trained) // 2)


@pytest.mark.parametrize("kind", ["pretrained", "fine-tuned"])
def test_a_feature_is_what_transformers_says_of_the_same_pixels(tmp_path, kind, without_network):
    make_importable()
    transformers = pytest.importorskip("transformers")
    source = tmp_path / "in.pth"
    if kind == "pretrained":
        miniature.pretrained(source)
        convert(source, tmp_path / "hf")
        theirs = transformers.VideoMAEModel.from_pretrained(tmp_path / "hf")
    else:
        miniature.checkpoint(source, 5)
        convert(source, tmp_path / "hf", asked=miniature.TOLD)
        theirs = transformers.VideoMAEForVideoClassification.from_pretrained(tmp_path / "hf")
    ours, _, _ = encoder_from(source, miniature.TOLD)
    pixels = torch.randint(0, 256, (2, 4, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    given = ((pixels.float() / 255 - mean) / deviation).permute(0, 1, 4, 2, 3)
    with torch.no_grad():
        if kind == "pretrained":
            expected = theirs(given).last_hidden_state.mean(dim=1)
        else:
            expected = theirs.fc_norm(theirs.videomae(given).last_hidden_state.mean(dim=1))
        found = ours.features(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_block_of_a_package_that_is_absent_is_left_out_and_another_is_not():
    assert missing("import json\nfrom h2a_is_not_here import x\n") == []
    assert missing("import torch\n") == []
    absent = [name for name in OF_OTHERS if not is_installed(name)]
    assert missing("\n".join(f"from {name} import x" for name in OF_OTHERS)) == sorted(absent)

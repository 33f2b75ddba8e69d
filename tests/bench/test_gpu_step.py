import pytest

from bench import gpu_step
from tests.videomae.world import write_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu_step") / "lake"
    write_lake(folder, ["train"] * 6 + ["val"] * 2)
    return folder


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(gpu_step, "COUNTED_STEPS", 2)
    monkeypatch.setitem(gpu_step.SAMPLES, "micro", 4)


def test_figures_are_those_of_the_program_run(lake, tmp_path, small):
    found = {figure.name: figure.value for figure in gpu_step.of_model("micro", lake, tmp_path, "cpu")}
    assert found["micro_samples_at_a_time"] == 4
    assert found["micro_samples_per_s"] > 0
    assert 0 < found["micro_mfu"] < 1
    assert 0 <= found["micro_loader_share"] < 1
    assert (tmp_path / "2" / "summary.json").exists()


@pytest.mark.slow
def test_clips_at_a_time_are_halved_until_they_fit(monkeypatch, lake, tmp_path, small):
    monkeypatch.setitem(gpu_step.SAMPLES, "micro", 16)
    own, asked = gpu_step.pretrained, []

    def pretrained(name, lake, out, device, clips):
        asked.append(clips)
        return "h2a: out of memory on cuda" if clips > 2 else own(name, lake, out, device, clips)

    monkeypatch.setattr(gpu_step, "pretrained", pretrained)
    gpu_step.of_model("micro", lake, tmp_path, "cpu")
    assert asked == [8, 4, 2]


def test_a_run_that_fails_otherwise_says_why(lake, tmp_path):
    with pytest.raises(RuntimeError, match=r"h2a pretrain --preset micro: h2a: no device 'tpu'"):
        gpu_step.of_model("micro", lake, tmp_path, "tpu")

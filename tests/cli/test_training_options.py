"""Values of training's options that nobody should give: each ends in one line, before anything is begun."""

import pytest

from tests.videomae.world import write_lake


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A lake to train on, a recipe with a mistake, and a list of clips that are none."""
    folder = tmp_path_factory.mktemp("options")
    write_lake(folder / "lake", ["train"] * 3 + ["val"])
    (folder / "wrong.yaml").write_text("preset: micro\ndata:\n  view: 3\n")
    (folder / "skip.txt").write_text("# none\nabc\n")
    return folder


OF_PRETRAIN = [
    (["--keep", "-1"], "--keep must be at least 0, not -1"),
    (["--workers", "0"], "--workers must be at least 1 and at most 1024, not 0"),
    (["--workers", "1000000"], "--workers must be at least 1 and at most 1024"),
    (["--micro-clips", "0"], "--micro-clips must be at least 1, not 0"),
    (["--micro-clips", "3"], "2 clips a step on each device cannot be taken 3 at a time"),
    (["--parallel", "zero"], "no way 'zero' to train in parallel; known: ddp, fsdp"),
    (["--device", "tpu"], "no device 'tpu'; known: cpu, cuda"),
    (["--steps", "0"], "0 steps are no run"),
    (["--steps", "-5"], "-5 steps are no run"),
    (["--steps", "2", "--epochs", "2"], "give --steps or --epochs, not both"),
    (["--batch-clips", "0"], "0 batch clips are no run"),
    (["--batch-clips", "99999999999"], "batch_clips must be at least 1 and at most"),
    (["--dtype", "float16"], "no dtype 'float16'"),
    (["--class-balance", "1.5"], "class_balance must be at least 0 and at most 1, not 1.5"),
    (["--class-balance", "nan"], "class_balance must be at least 0 and at most 1, not nan"),
    (["--seed", "1.5"], "--seed"),
    (["--preset", "vit_x"], "no preset 'vit_x'"),
    (["--recipe", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
    (["--recipe", "{world}/wrong.yaml"], "wrong.yaml:3: unknown key 'view'; did you mean 'views'?"),
    (["--set", "lr"], "--set lr: write KEY=VALUE"),
    (["--set", "lr="], "--set lr=: optimisation.learning_rate"),
    (["--set", "lr=-1"], "learning_rate must be above 0, not -1"),
    (["--set", "lr=0"], "learning_rate must be above 0, not 0"),
    (["--set", "lr=.inf"], "learning_rate must be above 0, not inf"),
    (["--set", "lr=fast"], "--set lr=fast: optimisation.learning_rate"),
    (["--set", "lr=true"], "must be a number, not true"),
    (["--set", "learnig_rate=1"], "did you mean 'learning_rate'?"),
    (["--set", "model.widht=3"], "did you mean 'width'?"),
    (["--set", "lr=[1"], "not valid YAML"),
    (["--set", "betas=[0.9, 1]"], "betas must be at least 0 and below 1, not 1"),
    (["--set", "betas=0.9"], "--set betas=0.9: optimisation.betas"),
    (["--set", "views=0"], "views must be at least 1"),
    (["--set", "views=1.5"], "--set views=1.5: data.views"),
    (["--set", "stride=-4"], "stride must be at least 1"),
    (["--set", "encoder_mask=1"], "encoder_mask must be above 0 and below 1, not 1"),
    (["--set", "encoder_mask=0.001"], "hides 0 of the"),
    (["--set", "decoder_mask=0.1"], "masks no place of a cell"),
    (["--set", "model.image_px=65"], "do not divide into patches"),
    (["--set", "model.image_px=0"], "image_px must be at least 1"),
    (["--set", "model.num_heads=5"], "5 heads do not divide a width"),
    (["--set", "model.num_frames=7"], "7 frames do not divide into pairs"),
    (["--set", "model.depth=100000"], "depth must be at least 1 and at most 1024"),
    (["--set", "save_minutes=0"], "save_minutes must be above 0"),
    (["--set", "save_steps=0"], "save_steps must be at least 1"),
    (["--set", "clip_grad=-1"], "clip_grad must be above 0, not -1"),
    (["--set", "warmup=1000"], "warmup_epochs is 1000, longer than all 200 epochs"),
    (["--set", "min_lr=9"], "min_learning_rate is 9, above"),
    (["--set", "changeable=[views]"], "changeable names 'views'"),
    (["--set", "max_bad_clips=-1"], "max_bad_clips must be at least 0"),
    (["--skip-clips", "{world}/none.txt"], "there is no such file"),
    (["--skip-clips", "{world}/skip.txt"], "skip.txt:2: 'abc' is no clip that is trained on"),
    (["--branch-from", "{world}/lake"], "has no checkpoint to branch from"),
    (["--branch-from", "{world}/wrong.yaml"], "is no readable checkpoint"),
    (["--version", "v9"], "v9"),
]
OF_PLAN = [
    (["--price-per-hour", "-3"], "the price of an hour must be at least 0, not -3"),
    (["--price-per-hour", "nan"], "the price of an hour must be at least 0, not nan"),
    (["--mfu", "0"], "the MFU must be above 0 and at most 1, not 0"),
    (["--mfu", "45"], "the MFU must be above 0 and at most 1, not 45"),
    (["--gpus", "-8"], "the number of devices must be at least 1"),
    (["--clips", "0"], "the number of clips must be at least 1"),
    (["--cores", "0"], "the number of cores must be at least 1"),
    (["--set", "batch_clips=0"], "batch_clips must be at least 1"),
    (["--set", "lr"], "write KEY=VALUE"),
]


@pytest.mark.parametrize(("given", "says"), OF_PRETRAIN, ids=[" ".join(given) for given, _ in OF_PRETRAIN])
def test_a_value_that_makes_no_run_is_one_line(h2a_here, world, tmp_path, given, says):
    options = [text.format(world=world) for text in given]
    preset = [] if {"--preset", "--recipe"} & {*options} else ["--preset", "micro"]
    fixed = ["--lake", world / "lake", "--version", "v1", "--out", tmp_path / "out", "--device", "cpu"]
    ran = h2a_here("pretrain", *fixed, *preset, *options, cwd=tmp_path)
    assert_one_line(ran, says)
    assert not list(tmp_path.rglob("*.pth"))


@pytest.mark.parametrize(("given", "says"), OF_PLAN, ids=[" ".join(given) for given, _ in OF_PLAN])
def test_a_plan_of_such_a_value_is_one_line(h2a_here, given, says):
    assert_one_line(h2a_here("plan", "--preset", "vit_b", *given), says)


def test_a_plan_of_nothing_is_one_line(h2a_here):
    assert_one_line(h2a_here("plan"), "give --preset or --recipe")


def assert_one_line(ran, says):
    assert ran.code == 2, ran.err
    assert (ran.out, ran.err.count("\n")) == ("", 1), ran.err
    assert ran.err.startswith("h2a: ")
    assert says in ran.err

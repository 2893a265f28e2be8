from pathlib import Path

import pytest

from tora2.cli.train import CONFIGS
from tora2.errors import TrainingError
from tora2.training.config import OptimizerConfig, config_from, learning_rate, load_config
from tora2.training.step import Recipe

PACKAGE = Path(__file__).resolve().parents[2] / "tora2"


def test_the_papers_recipe():
    config = load_config(PACKAGE / CONFIGS["5b"])
    assert (config.optimizer.rate, config.run.batch, config.run.steps) == (3e-6, 32, 15_000)
    assert (config.recipe.drop_caption, config.recipe.drop_references) == (0.5, 0.33)
    assert (config.recipe.drop_trajectories, config.recipe.contrastive_weight) == (0.33, 0.2)
    assert not config.model.train_base and config.run.precision == "bf16"


def test_the_tiny_configuration_is_the_shipped_models():
    from tora2.tiny.config import TRANSFORMER

    config = load_config(PACKAGE / CONFIGS["tiny"])
    assert config.model.transformer == TRANSFORMER
    assert config.recipe == Recipe(
        drop_caption=0.15, drop_references=0.1, drop_trajectories=0.1, drop_entities=0.2, keep_first_frame=0.25
    )
    assert (config.optimizer.rate, config.optimizer.ema) == (1e-3, 0.999)


def test_overrides_are_typed(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('[model]\nsource = "x"\n[optimizer]\nbetas = [0.8, 0.9]\n', encoding="utf-8")
    config = load_config(path, ["run.steps=7", "run.out=/a b/c", "optimizer.rate=1e-4", "model.train_base=true"])
    assert (config.run.steps, config.run.out, config.optimizer.rate) == (7, "/a b/c", 1e-4)
    assert config.model.train_base is True and config.optimizer.betas == (0.8, 0.9)
    assert load_config(path, ["model.transformer.attention_width=64"]).model.transformer == {"attention_width": 64}
    assert load_config(path, ["optimizer.rate=1"]).optimizer.rate == 1.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"run": {"stepz": 3}}, r"`run.stepz` does not exist; the closest name is `run.steps`"),
        ({"optimiser": {}}, r"`optimiser` does not exist; the closest name is `optimizer`"),
        ({"recipe": {"drop_captions": 0.5}}, "closest name is `recipe.drop_caption`"),
        ({"run": {"steps": "many"}}, "`run.steps` is 'many', but it must be of type int"),
        ({"run": {"steps": True}}, "must be of type int"),
        ({"run": {"steps": 0}}, "at least 1"),
        ({"run": {"save_minutes": -1}}, "0 or more"),
        ({"run": 3}, "`run` must be a table"),
        ({"recipe": {"drop_caption": 1.5}}, "a probability"),
        ({"recipe": {"drop_caption": float("nan")}}, "a probability"),
        ({"recipe": {"timestep_shift": 0.0}}, "`recipe.timestep_shift` is 0.0"),
        ({"optimizer": {"rate": -1.0}}, "greater than 0"),
        ({"optimizer": {"betas": [0.9]}}, "optimizer.betas"),
        ({"optimizer": {"betas": [0.9, 1.5]}}, "two numbers from 0 to less than 1"),
        ({"optimizer": {"epsilon": -1.0}}, "`optimizer.epsilon` is -1.0, but it must be 0 or more"),
        (
            {"model": {"source": "x", "transformer": {"personalization_config": {"foo": 1}}}},
            "`model.transformer.personalization_config` .*'foo'.* has variant, token_width",
        ),
        ({"model": {"source": "x", "transformer": {"binding_config": {"foo": 1}}}}, "binding_config` .*'foo'"),
        ({"optimizer": {"decay": "cosinus"}}, "one of constant, cosine, linear"),
        ({"run": {"precision": "fp8"}}, "one of fp32, bf16, fp16"),
        ({"run": {"precision": "fp32"}, "model": {"frozen_dtype": "bf16"}}, "fp32 when"),
        ({"model": {"source": ""}}, "a model folder"),
    ],
)
def test_mistakes_are_named(data, message):
    with pytest.raises(TrainingError, match=message):
        config_from({"model": {"source": "x"}} | data)


def test_files_and_overrides_that_cannot_be_read(tmp_path):
    with pytest.raises(TrainingError, match="cannot be read"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[run\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="is not a TOML file"):
        load_config(tmp_path / "bad.toml")
    (tmp_path / "good.toml").write_text('[model]\nsource = "x"\n', encoding="utf-8")
    with pytest.raises(TrainingError, match="not of the form table.key=value"):
        load_config(tmp_path / "good.toml", ["run.steps"])
    with pytest.raises(TrainingError, match="is a value, not a table"):
        load_config(tmp_path / "good.toml", ["model.source.x=1"])


def test_learning_rates_rise_and_fall():
    def rates(**options):
        return [learning_rate(OptimizerConfig(**options), step, 10) for step in range(11)]

    assert rates() == [1.0] * 11
    warm = rates(warm_up=4)
    assert warm[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8]) and warm[4:] == [1.0] * 7
    linear = rates(decay="linear", floor=0.5)
    assert linear[0] == 1.0 and linear[5] == pytest.approx(0.75) and linear[10] == 0.5
    cosine = rates(decay="cosine", warm_up=2)
    assert cosine[2] == 1.0 and cosine[10] == pytest.approx(0.0) and cosine == sorted(cosine[:3]) + cosine[3:]

import pytest

from tora2.__main__ import main
from tora2.evaluation import report, suite


def test_wrong_arguments_get_one_sentence(capsys):
    assert main(["evaluate", "--model", "nowhere"]) == 1
    assert "There is no model 'nowhere'" in capsys.readouterr().err
    assert main(["evaluate", "--scenes", "0"]) == 1
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("controls, ways", [("all", 5), ("none", 1)])
def test_arguments_become_settings(controls, ways, monkeypatch, tmp_path, capsys):
    seen = []

    def run(bundle, world, judges, settings, **options):
        seen.append((settings, options["out"]))
        figures = dict.fromkeys([metric.name for metric in report.METRICS], 1.0)
        return suite.summarize(bundle.name, settings, 10, {"ground truth": [figures], "generated": [figures]})

    monkeypatch.setattr(suite, "run", run)
    arguments = ["evaluate", "--scenes", "3", "--seed", "7", "--steps", "4", "--controls", controls]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    settings, out = seen[0]
    assert list(settings.seeds()) == [7, 8, 9] and settings.steps == 4 and len(settings.ways) == ways
    assert settings.split == "shipped pictures" and out == tmp_path
    assert (tmp_path / "result.json").is_file() and "tora2-tiny" in capsys.readouterr().out

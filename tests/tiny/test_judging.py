"""Scenes measured side by side, within a time, in files that travel."""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tora2.errors import Tora2Error
from tora2.evaluation import folder as folder_module
from tora2.tiny import judging


@dataclass(frozen=True)
class Drill:
    """A job whose scenes are files, written in a moment; from scene ``last`` on there is no time."""

    folder: Path
    last: int
    model = atlas = judges = device = steps = None

    def open(self):
        return self

    def measure(self, seed):
        if seed >= self.last:
            return False
        time.sleep(0.05 * (seed % 3))
        (self.folder / "scenes").mkdir(parents=True, exist_ok=True)
        (self.folder / "scenes" / f"{seed:05d}.json").write_text("{}")
        return True


@pytest.fixture
def summaries(monkeypatch):
    asked = []
    monkeypatch.setattr(folder_module, "evaluate_folder", lambda *a, scenes, **k: asked.append(scenes))
    return asked


@pytest.mark.parametrize("processes", [1, 3])
def test_the_first_so_many_scenes_are_summarised(tmp_path, summaries, processes):
    seen = []
    judging.evaluate(Drill(tmp_path, 5), 8, processes, lambda: seen.append(None))
    assert summaries == [5] and len(seen) == 5
    assert [path.stem for path in sorted((tmp_path / "scenes").iterdir())] == [f"{n:05d}" for n in range(5)]
    with pytest.raises(Tora2Error, match="no time to measure a single scene"):
        judging.evaluate(Drill(tmp_path, 0), 8, processes)


def test_no_scene_is_begun_that_would_end_too_late(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(judging.time, "time", lambda: now[0])
    from tora2.evaluation import suite

    asked = []

    def run(bundle, world, judges, settings, *, out, videos):
        asked.append(list(settings.seeds()))
        now[0] += 20

    monkeypatch.setattr(suite, "run", run)
    opened = judging.Suite.__new__(judging.Suite)
    opened.job = judging.Job(tmp_path, tmp_path, None, tmp_path, "cpu", 50, until=1000.0 + judging.SUMMARY + 50)
    opened.longest, opened.bundle, opened.world, opened.judges = 0.0, None, None, None
    assert [opened.measure(seed) for seed in range(3)] == [True, True, False]
    assert asked == [[0], [1]]


def test_scenes_travel_as_one_file(tmp_path):
    folder, out = tmp_path / "run" / "evaluation-none", tmp_path / "out"
    assert judging.pack(folder, out) == []
    (folder / "scenes").mkdir(parents=True)
    for seed in range(3):
        (folder / "scenes" / f"{seed:05d}.json").write_text('{"key": "k", "figures": {"generated": {"binding": NaN}}}')
    (folder / "result.txt").write_text("table")
    assert [path.name for path in judging.pack(folder, out)] == ["scenes.json", "result.txt"]
    there = tmp_path / "again" / "evaluation-none" / "scenes" / "00001.json"
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    judging.take_up(out, tmp_path / "again")
    assert there.read_text() == "mine" and len(list(there.parent.iterdir())) == 3

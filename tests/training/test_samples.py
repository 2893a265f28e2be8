import io
import json
import tarfile

import av
import numpy as np
import pytest
import torch
from open_samples import sample, write_loose, write_tar

from tora2.conditions import VideoSize
from tora2.errors import TrainingError
from tora2.training.samples import parse_sample, sample_files
from tora2.trajectories import parse_document
from tora2.trajectories import sample as sample_tracks


def parse(files, size=None, fps=8.0, need_clip=True):
    return parse_sample("s", files, size or VideoSize(17, 64, 96), fps, need_clip=need_clip)


def sound():
    """A video file without a picture."""
    content = io.BytesIO()
    with av.open(content, mode="w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        container.mux([*stream.encode(silence), *stream.encode(None)])
    return content.getvalue()


def changed(**fields):
    """A sample whose entities.json says something else."""
    files = sample()
    return files | {"entities.json": json.dumps(json.loads(files["entities.json"]) | fields).encode()}


def test_folders_and_archives_hold_the_same_samples(tmp_path):
    files = sample()
    write_loose(tmp_path / "loose" / "part", "b", files)
    write_loose(tmp_path / "loose", "a", files)
    (tmp_path / "tars").mkdir()
    write_tar(tmp_path / "tars" / "00.tar", {"x/a": files, "x/b": files})
    loose, packed = (list(sample_files(tmp_path / name)) for name in ("loose", "tars"))
    assert [name for name, _ in packed] == ["00.tar:x/a", "00.tar:x/b"]
    assert sorted(name for name, _ in loose) == ["a", "part/b"]
    assert all(found == files for _, found in (*loose, *packed))


def test_one_archive_may_be_all_samples(tmp_path):
    write_tar(tmp_path / "00.tar", {"a": sample()})
    assert [name for name, _ in sample_files(tmp_path / "00.tar")] == ["00.tar:a"]


def test_an_archive_whose_samples_are_scattered_says_how_to_pack_it(tmp_path):
    files = sample()
    parts = [{name: content} for name, content in files.items()]
    with tarfile.open(tmp_path / "00.tar", "w") as archive:
        for part in parts:
            for sample_name in ("a", "b"):
                ((extension, content),) = part.items()
                member = tarfile.TarInfo(f"{sample_name}.{extension}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    with pytest.raises(TrainingError, match="The files of a in .*00.tar do not follow each other.*--sort=name"):
        list(sample_files(tmp_path))


def test_large_letters_in_a_clips_extension(tmp_path):
    files = sample()
    write_loose(tmp_path, "a", {"MP4" if name == "mp4" else name: content for name, content in files.items()})
    assert dict(sample_files(tmp_path)) == {"a": files}


@pytest.mark.parametrize("packed", [False, True])
def test_names_hold_dots(tmp_path, packed):
    """Cutting tools write shot.001.mp4; a name that begins like another is a sample of its own."""
    files, over = sample(), []
    names = ("clip", "clip.0.5x", "shot.001", "shot.002")
    if packed:
        write_tar(tmp_path / "00.tar", {name: files for name in names} | {"shot.003": {"mp4": b""}})
    else:
        for name in names:
            write_loose(tmp_path, name, files)
        write_loose(tmp_path, "shot.003", {"mp4": b""})
    found = dict(sample_files(tmp_path, over.append))
    before = "00.tar:" if packed else ""
    assert sorted(found) == [before + name for name in names]
    assert all(one == files for one in found.values())
    assert over == [before + "shot.003"], "a clip without entities.json is told, not passed over in silence"


def test_hidden_files_are_no_samples(tmp_path):
    """macOS puts ._NAME beside each file on disks of other systems."""
    write_loose(tmp_path, "a", sample())
    write_loose(tmp_path, "._a", {name: b"\0\5\26\7" for name in sample()})
    over = []
    assert [name for name, _ in sample_files(tmp_path, over.append)] == ["a"] and not over


def test_a_sample_is_read_as_it_is():
    read = parse(sample())
    assert read.caption == "a red fox and a bird on the beach" and read.identities == ("red fox", "that bird")
    assert read.clip.shape == (17, 3, 64, 96) and read.clip.min() >= -1
    fox, bird = read.entities
    assert fox.image.shape == (20, 20, 3) and fox.mask.sum() == 144 and fox.kind == "object"
    assert bird.image is None and not read.visible[1].any()
    assert read.points[0].shape == (1, 17, 2) and read.visible[0].all()
    for frame in (0, 8, 16):  # the track lies on the square, in the clip too
        x, y = (read.points[0][0, frame] * torch.tensor([96, 64])).long().tolist()
        assert read.clip[frame, 0, y, x] > 0.5 and read.clip[frame, 0, y, (x + 40) % 96] < 0


def drawing(**fields):
    """From left to right, gone in the last quarter; as the editor exports it."""
    track = {"name": "fox", "points": [{"x": 0.2, "y": 0.5}, {"x": 0.8, "y": 0.5}], "end": 12}
    return {"version": 1, "width": 96, "height": 64, "frames": 17, "fps": 8, "tracks": [track]} | fields


def with_drawing(document, tracks=("fox",)):
    files = changed(entities=[{"phrase": "red fox", "tracks": list(tracks)}])
    return files | {"trajectories.json": json.dumps(document).encode()}


def test_tracks_of_a_drawing_beside_the_clip():
    read = parse(with_drawing(drawing()))
    expected = sample_tracks(parse_document(drawing()))
    assert torch.equal(read.visible[0], expected.visible) and read.visible[0].any() and not read.visible[0].all()
    torch.testing.assert_close(read.points[0][expected.visible], expected.points.float()[expected.visible])
    track = drawing()["tracks"][0]
    twice = parse(with_drawing(drawing(tracks=[track, track | {"points": [{"x": 0.9, "y": 0.9}], "kind": "static"}])))
    assert twice.points[0].shape == (2, 17, 2), "one entity held at several points"
    points = [[0.5, 0.5]] * 17
    mixed = parse(with_drawing(drawing(), ("fox", points)))
    assert mixed.points[0].shape == (2, 17, 2), "both kinds beside each other"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (lambda: with_drawing(drawing(), ("wolf",)), "track 'wolf', but trajectories.json has 'fox'"),
        (lambda: changed(entities=[{"phrase": "x", "tracks": ["fox"]}]), "or is missing"),
        (lambda: with_drawing(drawing(frames=25)), "has 25 frames, but entities.json says 17"),
        (lambda: with_drawing(drawing(version=7)), "Sample s, trajectories.json: .*version"),
    ],
)
def test_drawings_that_do_not_fit(files, message):
    with pytest.raises(TrainingError, match=message):
        parse(files())


def test_time_and_picture_are_cut_and_tracks_follow():
    read = parse(sample(frames=34, fps=16), VideoSize(9, 32, 32), fps=8.0)
    assert read.clip.shape == (9, 3, 32, 32)
    for frame in range(9):
        if read.visible[0][0, frame]:
            x, y = (read.points[0][0, frame] * 32).long().tolist()
            assert read.clip[frame, 0, min(y, 31), min(x, 31)] > 0.3
    step = (0.6 / 33) * 2 * 1.5  # two source frames; the canvas is half again as wide as the cut
    torch.testing.assert_close(read.points[0][0, 1, 0] - read.points[0][0, 0, 0], torch.tensor(step))
    corner = parse(changed(entities=[{"phrase": "x", "tracks": [[[0.1, 0.5]] * 17]}]), VideoSize(17, 32, 32))
    assert read.visible[0].all() and not corner.visible[0].any(), "it lies outside the cut"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version 2 is not 1"),
        ({"frames": 9}, "the clip has 17 frames at 8 fps, but entities.json says 9"),
        ({"fps": 64}, "the clip has 8 fps, but entities.json says 64"),
        ({"fps": float("nan")}, "too few"),
        ({"width": 64}, "the clip is 96x64, but entities.json says 64x64"),
        ({"entities": [{"phrase": "x", "tracks": [[None]]}]}, "has 1 points for 17 frames"),
        ({"entities": [{"phrase": "x", "tracks": [[[float("inf"), 0]] * 17]}]}, "not finite"),
        ({"entities": [{"phrase": "x", "tracks": [[["a", 0]] * 17]}]}, "cannot be used"),
        ({"entities": [{"phrase": "x", "reference": "9.png"}]}, "lacks '9.png'"),
        ({"entities": [{}] * 65}, "more than 64"),
        ({"entities": 3}, "cannot be used"),
        ({"entities": [{"phrase": "x", "tracks": [[[25.6, 64]] * 17]}]}, "nowhere on the canvas.*0..1, and no pixels"),
        ({"entities": [{"phrase": "x", "tracks": [[[0.5]] * 17]}]}, r"a point of 'x' is \[0.5\] instead of \[x, y\]"),
        ({"height": 0}, "17 frames of 96x0 are no video"),
        ({"frames": float("inf")}, "cannot be used"),
    ],
)
def test_mistakes_get_a_sentence_that_names_the_sample(changes, message):
    with pytest.raises(TrainingError, match=message) as error:
        parse(changed(**changes))
    assert "Sample s" in str(error.value)


def test_what_may_be_missing_or_null():
    read = parse(changed(fps=None, entities=None))
    assert read.entities == () and read.clip.shape[0] == 17, "the clip says its rate"
    point = {"x": 0.25, "y": 0.5}
    read = parse(changed(entities=[{"phrase": "x", "tracks": [[point] * 17]}, {"phrase": "y", "tracks": None}]))
    assert read.points[0][0, 0].tolist() == [0.25, 0.5] and len(read.points[1]) == 0


def test_the_rate_of_a_clip_that_entities_json_does_not_give():
    files = sample(frames=34, fps=16)
    data = json.loads(files["entities.json"])
    del data["fps"]
    read = parse(files | {"entities.json": json.dumps(data).encode()}, VideoSize(17, 64, 96), fps=8.0)
    known = parse(files, VideoSize(17, 64, 96), fps=8.0)
    assert torch.equal(read.clip, known.clip) and torch.equal(read.points[0], known.points[0])


def test_broken_files_are_refused_with_their_samples_name():
    files = sample()
    broken = files["0.reference.png"][: len(files["0.reference.png"]) // 2]
    zeros = broken + bytes(len(files["0.reference.png"]) - len(broken))
    for content in (broken, zeros, b""):
        with pytest.raises(TrainingError, match="Sample s cannot be used"):
            parse(files | {"0.reference.png": content})
    for share in (0.2, 0.4, 0.6, 0.8):
        with pytest.raises(TrainingError, match="Sample s"):
            parse(files | {"mp4": files["mp4"][: int(len(files["mp4"]) * share)]})


def test_a_clip_that_is_shorter_than_it_says():
    files = sample(frames=17)
    data = json.loads(files["entities.json"])
    data["frames"], data["entities"] = 33, []
    with pytest.raises(TrainingError, match="ends after 17 frames"):
        parse(files | {"entities.json": json.dumps(data).encode()}, VideoSize(33, 64, 96))
    with pytest.raises(TrainingError, match="Sample s"):
        parse(files | {"mp4": b"nonsense"})
    with pytest.raises(TrainingError, match="Sample s cannot be used"):
        parse(files | {"mp4": sound()})
    with pytest.raises(TrainingError, match="lacks 'mp4'"):
        parse({name: content for name, content in files.items() if name != "mp4"})
    without = parse({name: content for name, content in files.items() if name != "mp4"}, need_clip=False)
    assert without.clip is None and len(without.entities) == 2


def test_nothing_there(tmp_path):
    with pytest.raises(TrainingError, match="There is no .*nowhere: `data.samples` is a folder"):
        list(sample_files(tmp_path / "nowhere"))
    with pytest.raises(TrainingError, match="holds no samples"):
        list(sample_files(tmp_path))
    (tmp_path / "x.tar").write_bytes(b"no archive at all")
    with pytest.raises(TrainingError, match="x.tar cannot be read"):
        list(sample_files(tmp_path))

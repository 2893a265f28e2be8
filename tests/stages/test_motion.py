import pytest
import torch
from small_models import document, vae

from tora2.conditions import VideoSize
from tora2.errors import ConditionError, TrajectoryError
from tora2.stages.motion import check_size, encode_motion, to_latent_frames
from tora2.trajectories import flow_to_color, motion_flow, parse_document, sample


def test_latent_frames_group_as_the_causal_vae():
    points = torch.arange(9.0)[None, :, None].expand(1, 9, 2)
    visible = torch.tensor([[True, False, False, False, True, False, False, False, False]])
    latent_points, latent_visible = to_latent_frames(points, visible)
    assert latent_points[0, :, 0].tolist() == [0.0, 4.0, 6.5], "places that are not seen do not count"
    assert latent_visible.tolist() == [[True, True, False]]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (VideoSize(48, 480, 720), "48 frames.*49"),
        (VideoSize(0, 480, 720), "0 frames"),
        (VideoSize(5, 480, 720), "5 frames.*such as 1"),
        (VideoSize(15, 480, 720), "15 frames.*such as 17"),
        (VideoSize(49, 481, 720), "height of 481.*480"),
        (VideoSize(49, 480, 8), "width of 8.*16"),
    ],
)
def test_sizes_that_cannot_be_made(size, message):
    with pytest.raises(ConditionError, match=message):
        check_size(size)


def test_encoding_follows_the_definition():
    autoencoder, drawing = vae(), parse_document(document())
    motion = encode_motion(autoencoder, drawing, sigma=3.0, window=25, strength=0.5, start=0.1, end=0.9)
    tracks = sample(drawing)
    flow = motion_flow(tracks.points.float() * 128, tracks.visible, 128, 128, sigma=3.0, window=25)
    colors = flow_to_color(flow)
    assert torch.equal(motion.flow_preview, colors)
    with torch.no_grad():
        pixels = colors.transpose(0, 1)[None].float() / 127.5 - 1
        expected = autoencoder.encode(pixels).latent_dist.mode() * 0.7
    torch.testing.assert_close(motion.latents, expected.transpose(1, 2))
    assert motion.names == ("a red fox", "bird") and motion.points.shape == (2, 5, 2)
    assert (motion.strength, motion.start, motion.end) == (0.5, 0.1, 0.9)


@pytest.mark.parametrize("span", [(0.5, 0.5), (-0.1, 1.0), (0.0, 1.1)])
def test_spans_that_make_no_sense(span):
    with pytest.raises(ConditionError, match="0..1"):
        encode_motion(vae(), parse_document(document()), start=span[0], end=span[1])


def test_an_empty_drawing_is_refused():
    with pytest.raises(TrajectoryError, match="no visible track"):
        encode_motion(vae(), parse_document(document(names=())))

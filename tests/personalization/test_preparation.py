import pytest
import torch

from tora2.errors import EncoderError
from tora2.personalization.preparation import entity_mask, prepare_reference, resize, square_reference


def picture(height, width, colour=(1.0, 0.0, 0.0)):
    return torch.tensor(colour).expand(height, width, 3).clone()


def box_mask(height, width, top, bottom, left, right):
    mask = torch.zeros(height, width)
    mask[top:bottom, left:right] = 1
    return mask


def test_background_goes_and_the_entity_stays_in_the_middle():
    image = picture(100, 80, (0.0, 1.0, 0.0))
    image[20:60, 50:70] = torch.tensor([1.0, 0.0, 0.0])
    square = square_reference(image, box_mask(100, 80, 20, 60, 50, 70), margin=0.1)
    assert square.shape == (3, 48, 48)  # the longer side, 40, and a tenth of it on each side
    inside = torch.zeros(48, 48, dtype=torch.bool)
    inside[4:44, 14:34] = True
    assert torch.equal(square[:, inside], torch.tensor([[1.0], [0.0], [0.0]]).expand(3, 800))
    assert (square[:, ~inside] == 0.5).all()


def test_without_a_mask_the_whole_picture_is_kept():
    image = torch.rand(20, 40, 3)
    square = square_reference(image)
    assert square.shape == (3, 40, 40)
    assert torch.equal(square[:, 10:30], image.movedim(-1, 0))
    assert (square[:, :10] == 0.5).all() and (square[:, 30:] == 0.5).all()


def test_an_entity_at_the_edge_gets_its_margin_from_the_background():
    square = square_reference(picture(30, 30), box_mask(30, 30, 0, 10, 0, 10), margin=0.5)
    assert square.shape == (3, 20, 20)
    assert (square[0, 5:15, 5:15] == 1).all()
    assert (square[:, :5] == 0.5).all() and (square[:, :, 15:] == 0.5).all()


@pytest.mark.parametrize("background", [0.25, (0.0, 0.5, 1.0)])
def test_the_background_colour_can_be_chosen(background):
    square = square_reference(picture(10, 10), box_mask(10, 10, 4, 6, 4, 6), margin=1.0, background=background)
    assert torch.equal(square[:, 0, 0], torch.tensor(background).expand(3))
    with pytest.raises(EncoderError, match="background"):
        square_reference(picture(4, 4), background=(0.1, 0.2))


def test_soft_edges_are_blended():
    mask = box_mask(9, 9, 2, 7, 2, 7)
    mask[2, 2:7] = 0.6
    square = square_reference(picture(9, 9, (1.0, 1.0, 1.0)), mask, margin=0)
    assert torch.allclose(square[0, 0], torch.tensor(0.8))
    assert (square[0, 1:] == 1).all()


def test_a_mask_of_another_size_is_stretched_over_the_picture():
    image = torch.rand(64, 32, 3)
    small, large = box_mask(16, 8, 4, 12, 2, 6), box_mask(64, 32, 16, 48, 8, 24)
    small_square, large_square = (square_reference(image, mask, margin=0) for mask in (small, large))
    assert small_square.shape == large_square.shape == (3, 32, 32)
    assert torch.allclose(small_square[:, 4:-4, 12:-12], large_square[:, 4:-4, 12:-12])


def test_alpha_is_the_mask_if_none_is_given():
    image = torch.cat([picture(20, 20), box_mask(20, 20, 5, 15, 5, 15)[..., None]], dim=-1)
    assert square_reference(image, margin=0).shape == (3, 10, 10)
    assert square_reference(image, box_mask(20, 20, 0, 4, 0, 4), margin=0).shape == (3, 4, 4)


@pytest.mark.parametrize("shape", [(6, 6), (6, 6, 1), (1, 6, 6, 1)])
def test_greyscale_becomes_three_equal_channels(shape):
    square = square_reference(torch.rand(shape))
    assert square.shape == (3, 6, 6)
    assert torch.equal(square[0], square[1]) and torch.equal(square[0], square[2])


def test_bytes_are_read_as_0_to_255():
    assert square_reference(torch.full((2, 2, 3), 255, dtype=torch.uint8)).max() == 1


@pytest.mark.parametrize("mask_shape", [(1, 8, 8), (8, 8, 1), (1, 1, 8, 8)])
def test_a_batch_of_one_is_one(mask_shape):
    square = square_reference(torch.rand(1, 8, 8, 3), torch.ones(mask_shape), margin=0)
    assert square.shape == (3, 8, 8)


def test_a_batch_is_refused():
    with pytest.raises(EncoderError, match="batch of 3"):
        square_reference(torch.rand(3, 8, 8, 3))
    with pytest.raises(EncoderError, match="one mask"):
        square_reference(torch.rand(8, 8, 3), torch.ones(2, 8, 8))


@pytest.mark.parametrize("mask", [torch.zeros(8, 8), torch.zeros(64, 64), torch.full((8, 8), 1e-4)])
def test_an_empty_mask_is_refused(mask):
    with pytest.raises(EncoderError, match="marks nothing"):
        square_reference(torch.rand(8, 8, 3), mask)


@pytest.mark.parametrize(
    "image", [torch.rand(5, 5, 2), torch.rand(5), torch.rand(0, 5, 3), torch.full((4, 4, 3), torch.nan)]
)
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(EncoderError):
        square_reference(image)


def test_a_faint_mask_still_has_a_box():
    assert square_reference(torch.rand(20, 20, 3), box_mask(20, 20, 5, 15, 5, 15) * 0.2, margin=0).shape == (3, 10, 10)


@pytest.mark.parametrize("height,width", [(1, 1), (1, 7), (3, 2)])
def test_tiny_pictures(height, width):
    result = prepare_reference(torch.rand(height, width, 3), torch.ones(height, width), 32)
    assert result.shape == (3, 32, 32) and result.isfinite().all()
    assert 0 <= result.min() and result.max() <= 1


def test_resize_does_not_alias():
    noise = torch.rand(3, 256, 256)  # spread 0.29; of the means of 8x8 pixels an eighth of that
    assert resize(noise, 32).std() < 0.06


def test_resize_keeps_leading_dimensions_and_the_right_size():
    images = torch.rand(2, 3, 16, 16)
    assert resize(images, 16) is images
    assert resize(images, 8).shape == (2, 3, 8, 8)
    assert torch.allclose(resize(images, 8)[1], resize(images[1], 8))


def test_load_images_mask_of_a_transparent_picture_and_a_painted_one_mean_the_same():
    painted = box_mask(40, 60, 10, 30, 20, 50)
    for mask in (painted, painted[None], 1 - painted, (1 - painted)[None]):
        assert torch.equal(entity_mask(mask, "auto").reshape(40, 60), painted)
    assert torch.equal(entity_mask(1 - painted, "background"), painted)
    assert torch.equal(entity_mask(1 - painted, "entity"), 1 - painted)


def test_an_entity_may_touch_some_of_the_border():
    standing = box_mask(40, 60, 10, 40, 20, 50)
    assert torch.equal(entity_mask(standing, "auto"), standing)
    assert torch.equal(entity_mask(1 - standing, "auto"), standing)


@pytest.mark.parametrize("mask", [None, torch.zeros(1, 64, 64), torch.ones(8, 8), torch.zeros(0, 4, 4)])
def test_a_mask_without_any_difference_says_nothing(mask):
    assert entity_mask(mask, "auto") is None


def test_masks_of_a_pixel_or_a_row_do_not_break_it():
    assert entity_mask(torch.tensor([[0.0, 1.0]]), "auto").shape == (1, 2)
    assert entity_mask(torch.tensor([[0.0], [1.0], [0.0]]), "auto").shape == (3, 1)

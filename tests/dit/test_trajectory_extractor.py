import torch
from torch import nn

from tora2.dit.trajectory_extractor import ResidualBlock, TrajectoryExtractor


def extractor():
    torch.manual_seed(0)
    model = TrajectoryExtractor(16, 8, num_layers=2).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model


def test_the_norms_use_stored_statistics_in_training_too():
    block = extractor().body[0]
    hidden = torch.randn(2, 8, 4, 4)
    plain = nn.BatchNorm2d(8).eval()
    plain.load_state_dict(block.bn1.state_dict())
    assert torch.equal(block.bn1(hidden), plain(hidden))
    assert isinstance(block, ResidualBlock) and torch.equal(block.bn1.running_mean, plain.running_mean)


def test_it_trains_with_affine_parameters_in_bf16_beside_float32_statistics():
    """What FSDP's mixed precision hands in."""
    model, exact = extractor(), extractor()
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16()
    latents = torch.randn(1, 2, 16, 8, 8)
    for one, given in ((model, latents.bfloat16()), (exact, latents)):
        sum(part.float().square().mean() for part in one(given)).backward()
    found, wanted = model.body[0].bn1.weight.grad, exact.body[0].bn1.weight.grad
    assert found.dtype == torch.bfloat16
    assert (found - wanted).norm() < 0.05 * wanted.norm()

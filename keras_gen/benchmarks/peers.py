"""The chapter's networks and loops in PyTorch, as one would write them there: the peers of ours.

The same layers in the same order, with the same numbers of weights; only the pixels are laid out as PyTorch has them.
Everything stays on the device, and losses are fetched once a lap: PyTorch does not wait where it need not.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from keras_gen.benchmarks.contender import Reporter
from keras_gen.benchmarks.task import Task
from keras_gen.cores import usable_cores
from keras_gen.sizes import doublings, halvings, square_size, widths
from keras_gen.training.settings import DCGANSettings, VAESettings

KERAS_EPSILON = 1e-7  # of Keras's optimisers
NORM_EPSILON = 1e-3  # of Keras's BatchNormalization
MAX_FILTERS = 512


class VAE(nn.Module):
    """The chapter's dense VAE; its output is its loss.

    Args:
        image_shape: Height, width and channels.
        settings: Its sizes.
    """

    def __init__(self, image_shape: tuple[int, int, int], settings: VAESettings) -> None:
        super().__init__()
        pixels, width = int(np.prod(image_shape)), settings.intermediate_dim
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.ReLU())
        self.z_mean = nn.Linear(width, settings.latent_dim)
        self.z_log_var = nn.Linear(width, settings.latent_dim)
        self.decoder = nn.Sequential(nn.Linear(settings.latent_dim, width), nn.ReLU())
        self.pixels = nn.Linear(width, pixels)
        self.precision = settings.precision
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the loss in nats an image: reconstruction plus KL."""
        with _autocast(x.device, self.precision):
            hidden = self.hidden(x)
        z_mean, z_log_var = self.z_mean(hidden.float()), self.z_log_var(hidden.float())
        z = z_mean + torch.exp(z_log_var / 2) * torch.randn_like(z_mean)
        with _autocast(x.device, self.precision):
            decoded = self.decoder(z)
        logits = self.pixels(decoded.float())
        reconstruction = binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum") / len(x)
        kl = -0.5 * (1 + z_log_var - z_mean.square() - z_log_var.exp()).sum(1).mean()
        return reconstruction + kl


def generator(image_shape: tuple[int, int, int], settings: DCGANSettings) -> nn.Sequential:
    """Return the chapter's generator."""
    base, count = doublings(square_size(image_shape))
    inside = widths(settings.generator_filters, count - 1, MAX_FILTERS)[::-1]
    channels = settings.generator_base_filters
    layers = [nn.Linear(settings.latent_dim, base * base * channels), nn.Unflatten(1, (channels, base, base))]
    kernel = settings.kernel_size
    for width in [*inside, image_shape[-1]]:
        layers += [_norm(channels, settings), nn.LeakyReLU(settings.leaky_alpha)]
        layers.append(nn.ConvTranspose2d(channels, width, kernel, 2, padding=kernel // 2, output_padding=1))
        channels = width
    return _initialised(nn.Sequential(*layers, nn.Tanh()), settings)


def discriminator(image_shape: tuple[int, int, int], settings: DCGANSettings) -> nn.Sequential:
    """Return the chapter's discriminator, which ends in logits."""
    size, channels = square_size(image_shape), image_shape[-1]
    kernel = settings.kernel_size
    layers: list[nn.Module] = []
    for width in widths(settings.discriminator_filters, halvings(size), MAX_FILTERS):
        first = not layers
        layers.append(nn.Conv2d(channels, width, kernel, 2, padding=kernel // 2))
        layers += [] if first else [_norm(width, settings)]
        layers.append(nn.LeakyReLU(settings.leaky_alpha))
        size, channels = -(-size // 2), width
    layers += [nn.Flatten(), nn.Dropout(settings.dropout), nn.Linear(size * size * channels, 1)]
    return _initialised(nn.Sequential(*layers), settings)


def _norm(channels: int, settings: DCGANSettings) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=NORM_EPSILON, momentum=1 - settings.batch_norm_momentum)


def _initialised(network: nn.Sequential, settings: DCGANSettings) -> nn.Sequential:
    for layer in network:
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=settings.init_stddev)
            nn.init.zeros_(layer.bias)
    return network


def vae_step(model: VAE, settings: VAESettings, compiled: bool = False) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that takes one training step on uint8 images and returns the loss, not fetched.

    Args:
        model: The model; it is trained on the device where its weights are.
        settings: How to train it.
        compiled: Whether `torch.compile` compiles it.
    """
    optimizer = torch.optim.RMSprop(model.parameters(), settings.learning_rate, alpha=0.9, eps=KERAS_EPSILON)
    loss_of = torch.compile(model) if compiled else model

    def step(images: torch.Tensor) -> torch.Tensor:
        loss = loss_of(images.float() / 255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def dcgan_step(
    makes: nn.Sequential, judges: nn.Sequential, settings: DCGANSettings
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that takes PyTorch's usual step on uint8 images and returns the three losses, not fetched.

    The discriminator learns from real and from generated images, a backward pass each; then the generator learns from
    the same generated images. What the usual loop wastes is left out: the discriminator's weights get no gradients in
    the generator's half.

    Args:
        makes: The generator.
        judges: The discriminator.
        settings: How to train them.
    """
    adam = {"betas": (settings.adam_beta_1, 0.999), "eps": KERAS_EPSILON}
    of_judges = torch.optim.Adam(judges.parameters(), settings.discriminator_learning_rate, **adam)
    of_makes = torch.optim.Adam(makes.parameters(), settings.generator_learning_rate, **adam)

    def loss_of(images: torch.Tensor, label: float) -> torch.Tensor:
        with _autocast(images.device, settings.precision):
            features = judges[:-1](images)
        logits = judges[-1](features.float())
        return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def step(images: torch.Tensor) -> torch.Tensor:
        with _autocast(images.device, settings.precision):
            fakes = makes(torch.randn(len(images), settings.latent_dim, device=images.device)).float()
        of_judges.zero_grad()
        on_real = loss_of(images.float() / 127.5 - 1, 1 - settings.label_smoothing)
        on_real.backward()
        on_fake = loss_of(fakes.detach(), 0.0)
        on_fake.backward()
        of_judges.step()
        judges.requires_grad_(False)
        of_makes.zero_grad()
        fooled = loss_of(fakes, 1.0)
        fooled.backward()
        of_makes.step()
        judges.requires_grad_(True)
        return torch.stack([on_real, on_fake, fooled]).detach()

    return step


def train_vae(reporter: Reporter, task: dict, compiled: bool = False) -> None:
    """Train the VAE for ever; a lap is an epoch.

    Args:
        reporter: Takes the laps.
        task: A `Task`, taken apart.
        compiled: Whether `torch.compile` compiles it.
    """
    task = Task.of(task)
    device = _device()
    settings = task.settings()
    model = VAE(task.image_shape, settings).to(device)
    _train(reporter, task, vae_step(model, settings, compiled), torch.from_numpy(task.images()).to(device))


def train_dcgan(reporter: Reporter, task: dict, channels_last: bool = False) -> None:
    """Train the DCGAN for ever; a lap is an epoch.

    Args:
        reporter: Takes the laps.
        task: A `Task`, taken apart.
        channels_last: Whether pixels and kernels lie in memory as oneDNN and cuDNN like them best.
    """
    task = Task.of(task)
    device = _device()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    settings = task.settings()
    networks = [
        make(task.image_shape, settings).to(device, memory_format=layout) for make in (generator, discriminator)
    ]
    images = torch.from_numpy(task.images()).permute(0, 3, 1, 2).to(device).contiguous(memory_format=layout)
    _train(reporter, task, dcgan_step(*networks, settings), images)


def _train(reporter: Reporter, task: Task, step: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> None:
    while True:
        order = torch.randperm(len(images), device=images.device)
        losses = []
        for batch in order.split(task.batch_size):
            losses.append(step(images[batch]))
            if len(losses) == 1:
                losses[0].tolist()
                reporter.first_step()
        torch.stack(losses).mean(0).tolist()  # waits for the device
        reporter.lap()


def _device() -> torch.device:
    torch.manual_seed(0)
    torch.set_num_threads(usable_cores())  # its own choice leaves out the second thread of a core
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "mixed_bfloat16")

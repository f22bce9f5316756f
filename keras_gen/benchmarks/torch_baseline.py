"""The chapter's networks and loops in PyTorch, as one would write them there, to compare ours with.

The same layers in the same order, with the same numbers of weights; only the pixels are laid out as PyTorch has them.
Everything stays on the device, and losses are fetched once a round: PyTorch does not wait where it need not.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from keras_gen.benchmarks.tasks import Task
from keras_gen.benchmarks.worker import Reporter
from keras_gen.cores import usable_cores
from keras_gen.settings import DCGANSettings, DiscriminatorSettings, GeneratorSettings, VAESettings
from keras_gen.sizes import doublings, halvings, widths

KERAS_EPSILON = 1e-7  # of Keras's optimisers
NORM_EPSILON = 1e-3  # of Keras's BatchNormalization
MAX_FILTERS = 512


class VAE(nn.Module):
    """The chapter's VAE, dense or convolutional; its output is its loss in nats an image."""

    def __init__(self, image_shape: tuple[int, int, int], settings: VAESettings) -> None:
        super().__init__()
        (width,), channels = settings.encoder.hidden_widths, image_shape[-1]
        halving: list[nn.Module] = []
        doubling: list[nn.Module] = []
        features, self.pixels = int(np.prod(image_shape)), nn.Linear(width, int(np.prod(image_shape)))
        if settings.convolutional:
            kernel, (high, wide, count) = settings.encoder.kernel_size, doublings(*image_shape[:2])
            filters = widths(settings.encoder.filters, count)
            for before, after in pairwise([channels, *filters]):
                halving += [nn.Conv2d(before, after, kernel, 2, padding=kernel // 2), nn.ReLU()]
            features = high * wide * filters[-1]
            doubling += [nn.Linear(width, features), nn.ReLU(), nn.Unflatten(1, (filters[-1], high, wide))]
            options = {"stride": 2, "padding": kernel // 2, "output_padding": 1}
            for before, after in pairwise([filters[-1], *filters[::-1]]):
                doubling += [nn.ConvTranspose2d(before, after, kernel, **options), nn.ReLU()]
            self.pixels = nn.Conv2d(filters[0], channels, kernel, padding=kernel // 2)
        self.hidden = nn.Sequential(*halving, nn.Flatten(), nn.Linear(features, width), nn.ReLU())
        self.z_mean = nn.Linear(width, settings.latent_dim)
        self.z_log_var = nn.Linear(width, settings.latent_dim)
        self.decoder = nn.Sequential(nn.Linear(settings.latent_dim, width), nn.ReLU(), *doubling)
        self.precision = settings.training.precision
        _initialise(self, nn.init.xavier_uniform_)

    def forward(self, x: Tensor) -> Tensor:
        """Return reconstruction plus KL."""
        with _autocast(x.device, self.precision):
            hidden = self.hidden(x)
        z_mean, z_log_var = self.z_mean(hidden.float()), self.z_log_var(hidden.float())
        z = z_mean + torch.exp(z_log_var / 2) * torch.randn_like(z_mean)
        with _autocast(x.device, self.precision):
            decoded = self.decoder(z)
        logits = self.pixels(decoded.float()).flatten(1)
        reconstruction = binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum") / len(x)
        kl = -0.5 * (1 + z_log_var - z_mean.square() - z_log_var.exp()).sum(1).mean()
        return reconstruction + kl


def build_generator(image_shape: tuple[int, int, int], settings: GeneratorSettings) -> nn.Sequential:
    """Return the chapter's generator."""
    base, _, count = doublings(*image_shape[:2])
    channels, kernel = settings.base_filters, settings.kernel_size
    layers = [nn.Linear(settings.latent_dim, base * base * channels), nn.Unflatten(1, (channels, base, base))]
    for width in [*widths(settings.filters, count - 1, MAX_FILTERS)[::-1], image_shape[-1]]:
        layers += [_norm(channels, settings), nn.LeakyReLU(settings.leaky_alpha)]
        layers.append(nn.ConvTranspose2d(channels, width, kernel, 2, padding=kernel // 2, output_padding=1))
        channels = width
    return _initialise(nn.Sequential(*layers, nn.Tanh()), nn.init.normal_, std=settings.init_stddev)


def build_discriminator(image_shape: tuple[int, int, int], settings: DiscriminatorSettings) -> nn.Sequential:
    """Return the chapter's discriminator, which ends in logits."""
    size, channels, kernel = image_shape[0], image_shape[-1], settings.kernel_size
    layers: list[nn.Module] = []
    for width in widths(settings.filters, halvings(size), MAX_FILTERS):
        norm = [_norm(width, settings)] if layers else []
        layers += [
            nn.Conv2d(channels, width, kernel, 2, padding=kernel // 2),
            *norm,
            nn.LeakyReLU(settings.leaky_alpha),
        ]
        size, channels = -(-size // 2), width
    layers += [nn.Flatten(), nn.Dropout(settings.dropout), nn.Linear(size * size * channels, 1)]
    return _initialise(nn.Sequential(*layers), nn.init.normal_, std=settings.init_stddev)


def _norm(channels: int, settings: GeneratorSettings | DiscriminatorSettings) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=NORM_EPSILON, momentum=1 - settings.batch_norm_momentum)


def _initialise(network: nn.Module, draw: Callable[..., Tensor], **options: float) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            draw(layer.weight, **options)
            nn.init.zeros_(layer.bias)
    return network


def vae_step(model: VAE, settings: VAESettings, compiled: bool = False) -> Callable[[Tensor], Tensor]:
    """Return a function that takes one training step on uint8 images and returns the loss, not fetched."""
    optimizer = torch.optim.RMSprop(model.parameters(), settings.training.learning_rate, alpha=0.9, eps=KERAS_EPSILON)
    loss_of = torch.compile(model) if compiled else model

    def step(images: Tensor) -> Tensor:
        loss = loss_of(images.float() / 255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def dcgan_step(
    generator: nn.Sequential, discriminator: nn.Sequential, settings: DCGANSettings
) -> Callable[[Tensor], Tensor]:
    """Return a function that takes PyTorch's usual step on uint8 images and returns the three losses, not fetched.

    The discriminator learns from real and from generated images, a backward pass each; then the generator learns from
    the same generated images. What the usual loop wastes is left out: the discriminator's weights get no gradients in
    the generator's half.
    """
    training = settings.training
    adam = {"betas": (training.adam_beta_1, 0.999), "eps": KERAS_EPSILON}
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), training.discriminator_learning_rate, **adam)
    generator_adam = torch.optim.Adam(generator.parameters(), training.generator_learning_rate, **adam)

    def loss_of(images: Tensor, label: float) -> Tensor:
        with _autocast(images.device, training.precision):
            features = discriminator[:-1](images)
        logits = discriminator[-1](features.float())
        return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def step(images: Tensor) -> Tensor:
        with _autocast(images.device, training.precision):
            fakes = generator(torch.randn(len(images), settings.latent_dim, device=images.device)).float()
        discriminator_adam.zero_grad()
        loss_real = loss_of(images.float() / 127.5 - 1, 1 - training.label_smoothing)
        loss_real.backward()
        loss_fake = loss_of(fakes.detach(), 0.0)
        loss_fake.backward()
        discriminator_adam.step()
        discriminator.requires_grad_(False)
        generator_adam.zero_grad()
        loss_generator = loss_of(fakes, 1.0)
        loss_generator.backward()
        generator_adam.step()
        discriminator.requires_grad_(True)
        return torch.stack([loss_real, loss_fake, loss_generator]).detach()

    return step


def train_vae(reporter: Reporter, task: Task, compiled: bool = False) -> None:
    """Train the VAE, compiled by `torch.compile` or not; a round is an epoch. Convolutions are channels-last."""
    device = set_up()
    model = VAE(task.image_shape, task.settings()).to(device, memory_format=torch.channels_last)
    images = torch.from_numpy(task.images()).permute(0, 3, 1, 2).to(device)  # channels-last, as they lie there
    _train(reporter, task, vae_step(model, task.settings(), compiled), images)


def train_dcgan(reporter: Reporter, task: Task, channels_last: bool = False) -> None:
    """Train the DCGAN; a round is an epoch.

    With `channels_last` pixels and kernels lie in memory as oneDNN and cuDNN like them best.
    """
    device = set_up()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    settings = task.settings()
    generator = build_generator(task.image_shape, settings.generator)
    discriminator = build_discriminator(task.image_shape, settings.discriminator)
    networks = [network.to(device, memory_format=layout) for network in (generator, discriminator)]
    images = torch.from_numpy(task.images()).permute(0, 3, 1, 2).to(device).contiguous(memory_format=layout)
    _train(reporter, task, dcgan_step(*networks, settings), images)


def _train(reporter: Reporter, task: Task, step: Callable[[Tensor], Tensor], images: Tensor) -> None:
    while True:
        order = torch.randperm(len(images), device=images.device)
        losses = []
        for batch in order.split(task.batch_size):
            losses.append(step(images[batch]))
            if len(losses) == 1:
                losses[0].tolist()
                reporter.first_step()
        torch.stack(losses).mean(0).tolist()  # waits for the device
        reporter.end_round()


def set_up() -> torch.device:
    """Seed PyTorch, give it all cores (its own choice leaves out the second thread of each), and return the device."""
    torch.manual_seed(0)
    torch.set_num_threads(usable_cores())
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "mixed_bfloat16")

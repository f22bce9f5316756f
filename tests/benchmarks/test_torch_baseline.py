import numpy as np
import pytest

from keras_gen.benchmarks.tasks import Task
from keras_gen.training import make_trainer

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from keras_gen.benchmarks import torch_baseline  # noqa: E402

SMALL = {
    "vae": {"intermediate_dim": 32},
    "dcgan": {"generator_filters": 8, "base_filters": 8, "discriminator_filters": 8},
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny networks only wait for more
    yield
    torch.set_num_threads(threads)


def weights(network):
    return sum(weight.numel() for weight in network.parameters())


def keras_weights(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)


def networks(task):
    settings = task.settings()
    return {
        "generator": torch_baseline.build_generator(task.image_shape, settings.generator),
        "discriminator": torch_baseline.build_discriminator(task.image_shape, settings.discriminator),
    }


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)])
def test_the_networks_have_as_many_weights_as_the_keras_models(shape):
    task = Task("dcgan", shape, "float32", 128, overrides={"generator_filters": 32, "discriminator_filters": 16})
    models = make_trainer("dcgan", shape, task.settings()).models
    for name, network in networks(task).items():
        assert weights(network) == keras_weights(models[name])
    for architecture in ("dense", "conv"):
        task = Task("vae", shape, "float32", 100, overrides={"architecture": architecture})
        models = make_trainer("vae", shape, task.settings()).models
        vae = torch_baseline.VAE(shape, task.settings())
        assert weights(vae) == sum(keras_weights(model) for model in models.values())


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_the_networks_take_and_give_images_of_that_size(shape):
    task = Task("dcgan", shape, "float32", 4, overrides=SMALL["dcgan"])
    both = networks(task)
    images = both["generator"](torch.zeros(4, task.settings().latent_dim))
    assert tuple(images.shape) == (4, shape[2], *shape[:2])
    assert tuple(both["discriminator"](images).shape) == (4, 1)


@pytest.mark.parametrize(
    ("architecture", "precision"), [("dense", "float32"), ("dense", "mixed_bfloat16"), ("conv", "float32")]
)
def test_the_vae_s_loss_falls(architecture, precision):
    task = Task("vae", (8, 8, 1), precision, 16, overrides=SMALL["vae"] | {"architecture": architecture})
    step = torch_baseline.vae_step(torch_baseline.VAE(task.image_shape, task.settings()), task.settings())
    batch = torch.from_numpy(task.images() // 200).permute(0, 3, 1, 2)  # nearly black
    losses = [step(batch).item() for _ in range(20)]
    assert losses[-1] < losses[0] - 2


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_discriminator_learns_in_its_half_and_rests_in_the_other(precision):
    task = Task("dcgan", (16, 16, 3), precision, 16, overrides=SMALL["dcgan"])
    both = networks(task)
    step = torch_baseline.dcgan_step(**both, settings=task.settings())
    before = [weight.detach().clone() for weight in both["generator"].parameters()]
    batch = torch.from_numpy(task.images()).permute(0, 3, 1, 2)
    losses = [step(batch).tolist() for _ in range(20)]
    assert sum(losses[-1][:2]) < sum(losses[0][:2]) - 0.3
    assert all((old != new).any() for old, new in zip(before, both["generator"].parameters(), strict=True))
    assert all(weight.requires_grad for weight in both["discriminator"].parameters())

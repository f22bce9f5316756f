import numpy as np
import pytest

from keras_gen.benchmarks.task import Task
from keras_gen.training import make_trainer

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from keras_gen.benchmarks import peers  # noqa: E402

SMALL = {
    "vae": {"intermediate_dim": 32},
    "dcgan": {"generator_filters": 8, "generator_base_filters": 8, "discriminator_filters": 8},
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny networks only wait for more
    yield
    torch.set_num_threads(threads)


def weights(network):
    return sum(each.numel() for each in network.parameters())


def keras_weights(network):
    return sum(int(np.prod(each.shape)) for each in network.trainable_variables)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)])
def test_a_peer_has_as_many_weights_as_the_keras_model(shape):
    sizes = {"generator_filters": 32, "discriminator_filters": 16}
    task = Task("dcgan", shape, "float32", 128, sizes=sizes)
    models = make_trainer("dcgan", shape, task.settings()).models
    for name in ("generator", "discriminator"):
        assert weights(getattr(peers, name)(shape, task.settings())) == keras_weights(models[name])
    task = Task("vae", shape, "float32", 100)
    models = make_trainer("vae", shape, task.settings()).models
    assert weights(peers.VAE(shape, task.settings())) == sum(keras_weights(each) for each in models.values())


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_peers_make_and_judge_images_of_that_size(shape):
    settings = Task("dcgan", shape, "float32", 4, sizes=SMALL["dcgan"]).settings()
    images = peers.generator(shape, settings)(torch.zeros(4, settings.latent_dim))
    assert tuple(images.shape) == (4, shape[2], *shape[:2])
    assert tuple(peers.discriminator(shape, settings)(images).shape) == (4, 1)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_vae_s_loss_falls(precision):
    task = Task("vae", (8, 8, 1), precision, 16, sizes=SMALL["vae"])
    step = peers.vae_step(peers.VAE(task.image_shape, task.settings()), task.settings())
    batch = torch.from_numpy(task.images() // 200)  # nearly black
    losses = [step(batch).item() for _ in range(20)]
    assert losses[-1] < losses[0] - 2


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_discriminator_learns_in_its_half_and_rests_in_the_other(precision):
    task = Task("dcgan", (16, 16, 3), precision, 16, sizes=SMALL["dcgan"])
    makes, judges = (make(task.image_shape, task.settings()) for make in (peers.generator, peers.discriminator))
    step = peers.dcgan_step(makes, judges, task.settings())
    before = [each.detach().clone() for each in makes.parameters()]
    batch = torch.from_numpy(task.images()).permute(0, 3, 1, 2)
    losses = [step(batch).tolist() for _ in range(20)]
    assert sum(losses[-1][:2]) < sum(losses[0][:2]) - 0.3
    assert all((old != new).any() for old, new in zip(before, makes.parameters(), strict=True))
    assert all(each.requires_grad for each in judges.parameters())

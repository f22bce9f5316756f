"""What is known of the public data sets: where they are found, what they hold, how to get them."""

from dataclasses import dataclass

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

KERAS_HOST = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


@dataclass(frozen=True)
class Download:
    """One file to fetch."""

    url: str
    sha256: str | None  # None where hosts compress the same content in different ways: its fingerprint is checked
    path: str  # where it is kept, relative to Keras's data set folder


@dataclass(frozen=True)
class PublicDataset:
    """One public data set.

    Attributes:
        title: Its name in sentences.
        class_names: One name a label.
        archives: Names of its files that hold all of it, best first.
        fingerprints: Known sha256 of the training and the test images' pixels.
        downloads: What to fetch when nothing is found.
        hint: Another way to get it, for the error message.
        csv_files: Names of Kaggle's two files of rows, training and test.
        has_idx_files: Whether it comes as the four files in the IDX format.
        fingerprint_class: The label whose images the fingerprints are of; None for all.
    """

    title: str
    class_names: tuple[str, ...]
    archives: tuple[str, ...]
    fingerprints: tuple[str, str]
    downloads: tuple[Download, ...]
    hint: str
    csv_files: tuple[tuple[str, str], ...] = ()
    has_idx_files: bool = False
    fingerprint_class: int | None = None


PUBLIC_DATASETS = {
    "mnist": PublicDataset(
        title="MNIST",
        class_names=DIGITS,
        archives=("mnist.npz",),
        csv_files=(("mnist_train.csv", "mnist_test.csv"), ("train.csv", "test.csv")),
        has_idx_files=True,
        fingerprints=(
            "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        ),
        downloads=(
            Download(
                KERAS_HOST + "mnist.npz",
                "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                "mnist.npz",
            ),
        ),
        hint="put mnist.npz or its four IDX files into a folder",
    ),
    "fashion_mnist": PublicDataset(
        title="Fashion-MNIST",
        class_names=CLOTHES,
        archives=("fashion_mnist.npz",),
        csv_files=(("fashion-mnist_train.csv", "fashion-mnist_test.csv"), ("train.csv", "test.csv")),
        has_idx_files=True,
        fingerprints=(
            "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        ),
        downloads=tuple(
            Download(f"{KERAS_HOST}{part}-ubyte.gz", None, f"fashion-mnist/{part}-ubyte.gz")
            for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        ),
        hint="install Debian's dataset-fashion-mnist, which lands in /usr/share/datasets/fashion-mnist,",
    ),
    "cifar10": PublicDataset(
        title="CIFAR-10",
        class_names=CIFAR10,
        archives=("cifar10.npz", "data_batch_1", "cifar-10-python.tar.gz"),
        # Of the cars alone: it tells the official files and their order as well as all ten classes would.
        fingerprints=(
            "d3170aeb37a065bf3b9c7f2319addc6a7126142373414885c37335f2f07bc9da",
            "769ee85a083023ae4f571ec1c0acc8bc7728dcf96a0a69e3549325bb2795a68d",
        ),
        fingerprint_class=CIFAR10.index("automobile"),
        downloads=(
            Download(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                "cifar-10-python.tar.gz",
            ),
        ),
        hint="put cifar10.npz, cifar-10-batches-py/ or cifar-10-python.tar.gz into a folder",
    ),
}

"""Fetch one file, checked, without ever touching a file that is already there."""

from pathlib import Path

import pooch
import requests

from keras_gen.errors import InputError

CONNECT_SECONDS, READ_SECONDS = 5, 30


def fetch(url: str, path: Path, sha256: str | None) -> None:
    """Download `url` to `path` unless something is already there.

    The bytes go to a temporary file first and are moved into place only when
    their sha256 agrees.

    Args:
        url: What to fetch.
        path: Where to put it; its folder is made.
        sha256: Of the file, in hexadecimal; None leaves the check to the caller.

    Raises:
        InputError: There is no network, the host refuses, the disk does, or the sum differs.
    """
    if path.exists():
        return
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
    known_hash = f"sha256:{sha256}" if sha256 else None
    pooch.get_logger().setLevel("ERROR")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
    except requests.RequestException as error:
        raise InputError(f"{url} cannot be reached: {type(error).__name__}") from None
    except ValueError as error:  # how pooch says that the sum differs
        raise InputError(f"{url}: {str(error).splitlines()[0]}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from None

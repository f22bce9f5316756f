"""The arrays of an HDF5 file."""

from pathlib import Path

import h5py
import numpy as np

from keras_gen.data.formats import LARGE, MAX_PACKED, PLAIN, Members, bomb, reading
from keras_gen.errors import InputError


class Hdf5Members(Members):
    """The arrays of an HDF5 file, those in groups by names such as `train/images`.

    What lies in other files, which the file could name at will, is not read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with h5py.File(path) as file:
            file.visititems(self._note)  # follows no link

    def _note(self, name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            self._members[name] = None

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self._members:  # perhaps a link to another file
            raise KeyError(key)
        what = f"{key} in {self.path}"
        with reading(what), h5py.File(self.path) as file:
            data = file[key]
            if data.external or data.is_virtual:
                raise InputError(f"{what} lies in other files; copy it into this one")
            if data.nbytes > max(LARGE, MAX_PACKED * data.id.get_storage_size()):
                raise InputError(bomb(what, data.nbytes))
            if h5py.check_string_dtype(data.dtype):
                return data.asstr()[()]
            if data.dtype.kind not in PLAIN:
                raise InputError(f"{what} has dtype {data.dtype!s:.60}; save plain numbers")
            return data[()]

"""Catalogs of galaxies with their stamps and point-spread functions, as GalSim lays them out.

A FITS table names, for every galaxy, the file and the extension of its image and of its PSF
(Mandelbaum et al. 2012, MNRAS 420, 1518, sect. 5).  Files are read as they are; what is made of
an image is elsewhere.
"""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rimlens.errors import FileFormatError, InputError
from rimlens.typing import PathLike

_COLUMNS = (
    "IDENT", "MAG", "GAL_FILENAME", "GAL_HDU", "PSF_FILENAME", "PSF_HDU", "PIXEL_SCALE",
    "NOISE_MEAN", "NOISE_VARIANCE",
)  # fmt: skip
_ABSENT, _UNUSABLE = "stamp absent", "stamp unusable"
_COMPANIONS = ("fits", "selection")
# Of the files of stamps that are kept open: galaxies of one file follow each other.
_OPEN_FILES = 4
_DAMAGE = re.compile("truncated|Error validating header")


class StampError(FileFormatError):
    """A row of the catalog whose image is not there or cannot be used.

    Parameters
    ----------
    message : str
        What was found.
    reason : str
        In two words, by which such rows are counted.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class RealGalaxy:
    """The image of a galaxy, as a telescope took it.

    Parameters
    ----------
    ident : int
        The galaxy's number.
    image : ndarray
        Flux per pixel, shape ``(ny, nx)``, in electron/s.
    psf : ndarray
        Point-spread function, of sum one, on the same pixels.
    pixel_scale : float
        Side of a pixel in arcsec.
    noise_mean, noise_variance : float
        Of a pixel without a galaxy.
    """

    ident: int
    image: np.ndarray
    psf: np.ndarray
    pixel_scale: float
    noise_mean: float
    noise_variance: float


class CosmosCatalog:
    """A catalog of real galaxies.

    Parameters
    ----------
    path : str or path-like
        The catalog, or the folder that holds one, ``real_galaxy_catalog*.fits``.

    Attributes
    ----------
    path : pathlib.Path
        The catalog's file.
    table : astropy.table.Table
        Its rows, as they are.
    companions : dict of str to astropy.table.Table
        ``fits`` and ``selection``, the tables of the public samples beside it, where they are.

    Raises
    ------
    FileFormatError
        If there is no such catalog or not one alone, it lacks a column, or a companion has other
        galaxies.

    Examples
    --------
    >>> catalog = CosmosCatalog("COSMOS_23.5_training_sample")  # doctest: +SKIP
    >>> catalog.galaxy(0).image.shape  # doctest: +SKIP
    (116, 116)
    """

    def __init__(self, path: PathLike) -> None:
        self.path = _catalog_file(Path(path))
        self.table = _read_table(self.path, _COLUMNS)
        self.companions = {}
        for name in _COMPANIONS:
            companion = self.path.with_name(f"{self.path.stem}_{name}.fits")
            if companion.exists():
                table = _read_table(companion, ("IDENT",))
                if not np.array_equal(table["IDENT"], self.table["IDENT"]):
                    raise FileFormatError(
                        f"{companion}: the galaxies of {self.path.name}, in its order, are "
                        "wanted, found others"
                    )
                self.companions[name] = table
        self._files = OrderedDict()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table)

    def __enter__(self):
        """Return the catalog, whose files are closed at the end of the block."""
        return self

    def __exit__(self, *error):
        """Close the files of stamps."""
        self.close()

    def close(self) -> None:
        """Close the files of stamps; they are opened again when they are needed."""
        while self._files:
            self._files.popitem()[1].close()

    def galaxy(self, i: int) -> RealGalaxy:
        """Return one galaxy.

        Parameters
        ----------
        i : int
            Its row, from 0.

        Returns
        -------
        RealGalaxy

        Raises
        ------
        StampError
            If its image or its PSF is not there, is not finite, or has no scale or noise.
        FileFormatError
            If a file is truncated or is no FITS file.
        """
        row = self.table[i]
        image = self._image(str(row["GAL_FILENAME"]), int(row["GAL_HDU"]))
        psf = self._image(str(row["PSF_FILENAME"]), int(row["PSF_HDU"]))
        total = psf.sum()
        where = f"{self.path}: row {i} (IDENT {row['IDENT']})"
        if not (np.all(np.isfinite(image)) and np.all(np.isfinite(psf)) and total > 0):
            raise StampError(
                f"{where}: a finite image and a PSF of positive sum are wanted, found others",
                _UNUSABLE,
            )
        numbers = [float(row[k]) for k in ("PIXEL_SCALE", "NOISE_MEAN", "NOISE_VARIANCE")]
        if not (np.all(np.isfinite(numbers)) and numbers[0] > 0 and numbers[2] > 0):
            raise StampError(
                f"{where}: finite PIXEL_SCALE > 0, NOISE_MEAN and NOISE_VARIANCE > 0 are wanted, "
                f"found {numbers}",
                _UNUSABLE,
            )
        return RealGalaxy(int(row["IDENT"]), image, psf / total, *numbers)

    def _image(self, name, hdu):
        """Return the image in an extension, 0 for the first, of a file beside the catalog."""
        path = self.path.parent / name
        try:
            data = _undamaged(path, lambda: self._file(path)[hdu].data)
        except FileNotFoundError:
            raise StampError(f"{path}: there is no such file", _ABSENT) from None
        except IndexError:
            raise StampError(f"{path}: there is no extension {hdu}", _ABSENT) from None
        if data is None or data.ndim != 2:
            raise StampError(f"{path}: extension {hdu}: an image is wanted, found none", _UNUSABLE)
        return np.array(data, dtype=float)

    def _file(self, path):
        from astropy.io import fits

        if path not in self._files:
            while len(self._files) >= _OPEN_FILES:
                self._files.popitem(last=False)[1].close()
            self._files[path] = fits.open(path, memmap=False)
        self._files.move_to_end(path)
        return self._files[path]


def _undamaged(path, read):
    """Return what is read, or raise an error that names the file if it is damaged.

    Where a file ends before it should, astropy warns and goes on without the rest.
    """
    error = None
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            data = read()
        except (FileNotFoundError, IndexError) as absent:
            error = absent
        except (OSError, TypeError, ValueError) as refused:
            error = _damaged(path, refused)
    damage = [str(w.message) for w in found if _DAMAGE.search(str(w.message))]
    if damage:
        error = _damaged(path, damage[0])
    if error is not None:
        raise error
    return data


def _damaged(path, reason):
    return FileFormatError(
        f"{path}: cannot be read: {' '.join(str(reason).split())}; the file is truncated or "
        "damaged: fetch it again"
    )


def _catalog_file(path):
    """Return the file of a catalog that a path names, or the one in a folder."""
    if not path.exists():
        raise FileFormatError(f"{path}: there is no such file or folder")
    if not path.is_dir():
        return path
    companions = tuple(f"_{name}.fits" for name in _COMPANIONS)
    found = sorted(
        p for p in path.glob("real_galaxy_catalog*.fits") if not p.name.endswith(companions)
    )
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise FileFormatError(
            f"{path}: one file real_galaxy_catalog*.fits is wanted, found {names}"
            + ("; give the catalog itself" if found else "")
        )
    return found[0]


def _read_table(path, columns):
    from astropy.io import fits
    from astropy.table import Table

    def read():
        with fits.open(path, memmap=False) as hdus:
            return Table.read(hdus, hdu=1, format="fits", mask_invalid=False)

    try:
        table = _undamaged(path, read)
    except IndexError:
        raise FileFormatError(f"{path}: a FITS table is wanted, found none") from None
    missing = [name for name in columns if name not in table.colnames]
    if missing:
        raise FileFormatError(
            f"{path}: the columns {', '.join(columns)} are wanted, {', '.join(missing)} not found"
        )
    if not len(table):
        raise InputError(f"{path}: at least one galaxy is wanted, found an empty catalog")
    return table

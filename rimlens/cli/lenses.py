"""Many lenses in one call: which files are meant, and the table that is kept of them.

The table is written after every lens, so that an interrupted run keeps what it has and can go on.
What happens to one lens stands in `rimlens.cli.reconstruct`.
"""

import math
import os
import re
from pathlib import Path

from rimlens.cli.outputs import file_of, output_stem
from rimlens.errors import FileFormatError, InputError

TABLE = "rimlens.ecsv"
_IMAGES = re.compile(r"(?<!_rimlens)\.(fits?|fts)(\.(gz|bz2|xz|z|fz))?$", re.IGNORECASE)
_TEXTS = ("file", "quality", "reasons", "extensions", "weights")
_NUMBERS = (
    "theta_E",
    "critical_curve",
    "intermediate_axis",
    "gamma_ext",
    "phi_ext",
    "reduced_chi2",
    "chi2_arcs",
    "binning",
    "elapsed",
)
_UNITS = {
    "theta_E": "arcsec",
    "critical_curve": "arcsec",
    "intermediate_axis": "arcsec",
    "phi_ext": "deg",
    "elapsed": "s",
    "einstein_radius": "pix",
    "center_offset": "pix",
    "core_mask": "pix",
    "fwhm": "pix",
    "arc_pixels": "pix",
}


def lens_files(arguments, others=()):
    """Return the files that arguments mean: of a folder, all FITS files in it.

    Hidden files and results of earlier runs are left out.

    Parameters
    ----------
    arguments : sequence of str
        Files and folders.
    others : sequence of str, optional
        Files that are no lenses though they may lie in a folder, such as a point-spread function.

    Returns
    -------
    list of str
        Those of a folder in alphabetical order.

    Raises
    ------
    InputError
        If a folder holds no FITS file, or two files would have results of the same name.
    """
    others = {os.path.realpath(file_of(other)) for other in others}
    files = []
    for argument in arguments:
        folder = Path(argument)
        if not folder.is_dir():
            files.append(argument)
            continue
        found = [
            str(path)
            for path in sorted(folder.iterdir())
            if _IMAGES.search(path.name)
            and not path.name.startswith(".")
            and path.is_file()
            and os.path.realpath(path) not in others
        ]
        if not found:
            raise InputError(f"{argument}: has no FITS files; name a folder with images of lenses")
        files += found
    named = {}
    for file in files:
        stem = output_stem(file)
        if stem in named:
            raise InputError(
                f"{named[stem]} and {file}: the results of both would be named {stem}; rename "
                "one, or reconstruct them in two calls with another folder each (-o)"
            )
        named[stem] = file
    return files


class LensTable:
    """The rows of many lenses, in a file from the start on.

    Parameters
    ----------
    path : path
        The ECSV file.
    options : dict
        The options that the results depend on.
    resume : bool, optional
        Whether to go on with the file if it exists.

    Raises
    ------
    FileFormatError
        If the file is not such a table.
    InputError
        If it comes from other options.
    """

    def __init__(self, path, options, resume=False):
        self._path = Path(path)
        self._options = {name: "" if v is None else str(v) for name, v in options.items()}
        self._rows = {}
        if resume and self._path.exists():
            self._read()

    def done(self, file):
        """Return the quality of a lens that was reconstructed before; None if it was not.

        Parameters
        ----------
        file : str
            The input.

        Returns
        -------
        str or None

        Raises
        ------
        InputError
            If another input has the row.
        """
        row = self._rows.get(output_stem(file))
        if row is None:
            return None
        if os.path.abspath(row["file"]) != os.path.abspath(file):
            raise InputError(
                f"{file}: the results of {row['file']} in {self._path} have its name; choose "
                "another folder with -o"
            )
        return None if row["quality"] == "failed" else row["quality"]

    def put(self, record):
        """Take the row of a lens, new or in the place of an older one.

        Parameters
        ----------
        record : dict
            From `rimlens.cli.report.summary` or `failure`.
        """
        measures = dict(record["measures"] or {})
        if record["errors"]:
            measures["theta_E_error"] = record["errors"]["einstein_radius"]
        taken = (record["extensions"] or {}).items()
        radii, shear = record["einstein_radii"] or {}, record["shear"] or {}
        numbers = {**measures, **radii, **shear, **record}
        self._rows[output_stem(record["file"])] = {
            "file": record["file"],
            "quality": record["quality"],
            "reasons": " ".join(record["reasons"]),
            **{name: numbers.get(name) for name in (*_NUMBERS, *measures)},
            "extensions": " ".join(f"{role}={place}" for role, place in taken),
            "weights": record["weights"],
        }

    def write(self):
        """Write the table; the file is replaced whole."""
        from astropy.table import Table

        from rimlens import __version__
        from rimlens.io.files import new_file

        rows = self._rows.values()
        measures = dict.fromkeys(n for row in rows for n in row if n not in (*_TEXTS, *_NUMBERS))
        table = Table(meta={"rimlens": __version__, "options": self._options})
        for name in (*_TEXTS[:3], *_NUMBERS, *measures, *_TEXTS[3:]):
            values = [row.get(name) for row in rows]
            if name in _TEXTS:
                table[name] = ["" if value is None else str(value) for value in values]
                # An empty list would make a column of numbers.
                table[name] = table[name].astype(str)
            else:
                table[name] = [math.nan if value is None else float(value) for value in values]
                table[name].unit = _UNITS.get(name)
        with new_file(self._path, overwrite=True) as temporary:
            table.write(temporary, format="ascii.ecsv")

    def _read(self):
        import numpy as np
        from astropy.table import Table

        try:
            table = Table.read(self._path, format="ascii.ecsv")
            found = dict(table.meta["options"])
            missing = [n for n in (*_TEXTS, *_NUMBERS) if n not in table.colnames]
            if missing:
                raise ValueError(f"it has no column {missing[0]!r}")
        except (ValueError, KeyError, TypeError, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise FileFormatError(
                f"{self._path}: is not a table of rimlens reconstruct: {reason}; move it away, or "
                "choose another folder with -o"
            ) from error
        for name, value in self._options.items():
            if found.get(name, "") != value:
                raise InputError(
                    f"--{name.replace('_', '-')}: {found.get(name) or 'nothing'} is wanted to go "
                    f"on with {self._path}, found {value or 'nothing'}; give the same options, or "
                    "choose another folder with -o"
                )
        for line in table:
            row = {name: line[name] for name in table.colnames}
            row = {k: None if np.ma.is_masked(v) else v for k, v in row.items()}
            row |= {name: "" if row[name] is None else str(row[name]) for name in _TEXTS}
            self._rows[output_stem(row["file"])] = row

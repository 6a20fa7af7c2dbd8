"""Reconstructions in files, in two forms that hold the same: ASDF and FITS.

`rimlens.reconstruction.Reconstruction.write` and ``read`` are the doors to this.
"""

from pathlib import Path

from rimlens.errors import FileFormatError, InputError
from rimlens.io.files import read_asdf, read_bytes, write_asdf
from rimlens.io.metadata import readable
from rimlens.reconstruction._fits import from_fits, to_fits
from rimlens.reconstruction._stored import stored_observation
from rimlens.reconstruction.verdict import Verdict

_TAG = "asdf://rimlens/tags/reconstruction-1.0.0"
_MODELS = ("pixel_frame_lens_model", "pixel_frame_source_model")


def write_reconstruction(path, reconstruction, overwrite=False):
    """Write a reconstruction to a file, ASDF or FITS by its suffix.

    Metadata that is not text, numbers, lists or dictionaries is stored as its text.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.asdf`` or ``.fits``; the file appears whole or not at all.
    reconstruction : rimlens.Reconstruction
        What to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If the suffix is another, or the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".asdf":
        write_asdf(path, "reconstruction", reconstruction, overwrite)
    elif suffix == ".fits":
        to_fits(path, reconstruction, overwrite)
    else:
        raise InputError(f"{path}: a name that ends in .asdf or .fits is wanted, found {suffix!r}")


def read_reconstruction(path, make):
    """Return the reconstruction in an ASDF or FITS file, recognized by its content.

    Parameters
    ----------
    path : str or path-like
        The file to read.
    make : type
        `rimlens.reconstruction.Reconstruction`, which imports this module and is therefore passed
        to it.

    Returns
    -------
    rimlens.reconstruction.Reconstruction
        As it was written.

    Raises
    ------
    FileFormatError
        If the file is missing, holds something else, comes from a newer version, or was truncated
        or altered.
    """
    content = read_bytes(path)
    if content.startswith(b"#ASDF"):
        return read_asdf(path, "reconstruction", _TAG, "a rimlens reconstruction")
    if content.startswith(b"SIMPLE  ="):
        return make(**from_fits(path, content))
    raise FileFormatError(
        f"{path}: is neither ASDF nor FITS; a file that Reconstruction.write wrote is wanted"
    )


def to_tree(reconstruction):
    """Return what the ASDF converter stores.

    Parameters
    ----------
    reconstruction : rimlens.Reconstruction
        What to store.

    Returns
    -------
    dict
        As in the schema ``reconstruction-1.0.0``.
    """
    from astropy.nddata import StdDevUncertainty

    observation = reconstruction.observation
    shear = reconstruction.shear
    return {
        "observation": _with_unit(
            {
                "data": observation.data,
                "uncertainty": StdDevUncertainty(observation.sigma),
                "mask": observation.mask,
                "psf": observation.psf,
                "wcs": observation.wcs,
                "meta": readable(observation.meta),
            },
            observation.unit,
        ),
        "source": _map_node(reconstruction.source),
        "convergence": _map_node(reconstruction.convergence),
        "shear": {"gamma1": shear.pixel_frame_gamma1, "gamma2": shear.pixel_frame_gamma2},
        "model": reconstruction.model.data,
        "foreground": reconstruction.foreground.data,
        "chi2_history": reconstruction.chi2_history,
        "meta": readable(reconstruction.meta),
        "verdict": reconstruction.verdict.to_dict(),
        **reconstruction.inferred_models,
    }


def from_tree(node):
    """Return the parts of the reconstruction that `to_tree` took apart.

    Parameters
    ----------
    node : dict
        As in the schema ``reconstruction-1.0.0``.

    Returns
    -------
    dict
        The arguments of a `rimlens.reconstruction.Reconstruction`.
    """
    import numpy as np

    from rimlens.observation.units import known_unit

    stored = node["observation"]
    observation = stored_observation(
        np.array(stored["data"]),
        sigma=np.array(stored["uncertainty"].array),
        psf=np.array(stored["psf"]),
        wcs=stored["wcs"],
        mask=np.array(stored["mask"]),
        unit=known_unit(stored.get("unit")),
        meta=dict(stored["meta"]),
    )
    return dict(
        observation=observation,
        source=_map(node["source"]),
        convergence=_map(node["convergence"]),
        shear=(node["shear"]["gamma1"], node["shear"]["gamma2"]),
        model=np.array(node["model"]),
        # Files from before there was one have none.
        foreground=np.array(node["foreground"]) if "foreground" in node else None,
        chi2_history=np.array(node["chi2_history"]),
        meta=dict(node["meta"]),
        # Files from before there were verdicts get one that does not know the solver.
        verdict=Verdict(**node["verdict"]) if "verdict" in node else None,
        **{name: node[name] for name in _MODELS if name in node},
    )


def _map_node(nddata):
    node = {"data": nddata.data, "wcs": nddata.wcs}
    if nddata.uncertainty is not None:
        node["uncertainty"] = nddata.uncertainty.array
    return _with_unit(node, nddata.unit)


def _with_unit(node, unit):
    from rimlens.observation.units import unit_text

    if unit is None:
        return node
    # A unit that no file gives back is refused here.
    unit_text(unit)
    return {**node, "unit": unit}


def _map(node):
    import numpy as np
    from astropy.nddata import NDData, StdDevUncertainty

    from rimlens.observation.units import known_unit

    uncertainty = None
    if "uncertainty" in node:
        uncertainty = StdDevUncertainty(np.array(node["uncertainty"]))
    return NDData(
        np.array(node["data"]),
        uncertainty=uncertainty,
        unit=known_unit(node.get("unit")),
        wcs=node["wcs"],
    )

"""A reconstruction as a multi-extension FITS file that any FITS viewer opens.

The primary header holds what the observation's header held and a summary; the extensions are SCI,
ERR, DQ and PSF (the observation), MODEL, RESIDUAL, SOURCE, KAPPA, SOURCE_ERR and KAPPA_ERR where
there are errors, and the tables PARAMETERS, CHI2 and META.
The models of lens and source, where such were inferred, are an ASDF file in MODELS.
"""

import io
import json
import math
import warnings

from rimlens.errors import FileFormatError
from rimlens.io.files import new_file
from rimlens.io.metadata import readable
from rimlens.observation.writing import header_holds
from rimlens.reconstruction._stored import stored_observation
from rimlens.reconstruction.verdict import Verdict

_FORMAT = 1
_MODELS = "MODELS"
_EXTENSIONS = (
    "SCI", "ERR", "DQ", "PSF", "MODEL", "RESIDUAL", "SOURCE", "KAPPA", "CHI2", "META",
)  # fmt: skip


def to_fits(path, reconstruction, overwrite=False):
    """Write a reconstruction to a FITS file.

    Parameters
    ----------
    path : str or path-like
        The file to write; it appears whole or not at all.
    reconstruction : rimlens.Reconstruction
        What to write.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    OutputExistsError
        If the file exists and may not be overwritten.
    InputError
        If the file cannot be written.
    """
    from astropy.io import fits

    observation = reconstruction.observation
    wcs, unit = observation.wcs, observation.unit
    hdus = [
        fits.PrimaryHDU(header=_summary(reconstruction)),
        _image("SCI", observation.data, wcs, unit),
        _image("ERR", observation.sigma, wcs, unit),
        _image("DQ", observation.mask.astype("uint8"), wcs),
        _image("PSF", observation.psf),
        _image("MODEL", reconstruction.model.data, wcs, unit),
        _image("FOREGROUND", reconstruction.foreground.data, wcs, unit),
        _image("RESIDUAL", reconstruction.residual.data, wcs, unit),
        _image("SOURCE", reconstruction.source.data, reconstruction.source.wcs,
               reconstruction.source.unit),
        _image("KAPPA", reconstruction.convergence.data, reconstruction.convergence.wcs,
               reconstruction.convergence.unit),
        *_errors("SOURCE", reconstruction.source),
        *_errors("KAPPA", reconstruction.convergence),
        _parameters(reconstruction.parameters),
        _history(reconstruction.chi2_history),
        _metadata(reconstruction),
        *_models(reconstruction.inferred_models),
    ]  # fmt: skip
    with new_file(path, overwrite) as temporary:
        fits.HDUList(hdus).writeto(temporary, checksum=True)


def from_fits(path, content):
    """Return the reconstruction in a FITS file.

    Parameters
    ----------
    path : str or path-like
        The file, for the messages.
    content : bytes
        What is in it.

    Returns
    -------
    dict
        The arguments of a `rimlens.reconstruction.Reconstruction`.

    Raises
    ------
    FileFormatError
        If the file holds something else, comes from a newer version, or was truncated or altered.
    """
    hdus = _verified(path, content)
    sci = _map(hdus["SCI"])
    header = hdus[0].header
    metadata = {row["NAME"]: json.loads(row["JSON"]) for row in hdus["META"].data}
    observation = stored_observation(
        sci.data,
        sigma=_native(hdus["ERR"].data),
        psf=_native(hdus["PSF"].data),
        wcs=sci.wcs,
        mask=hdus["DQ"].data != 0,
        unit=sci.unit,
        meta=metadata["observation"],
    )
    return dict(
        observation=observation,
        source=_with_errors(hdus, "SOURCE"),
        convergence=_with_errors(hdus, "KAPPA"),
        shear=(header["GAMMA1"], header["GAMMA2"]),
        model=_native(hdus["MODEL"].data),
        # Files from before there was one have none.
        foreground=_native(hdus["FOREGROUND"].data) if "FOREGROUND" in hdus else None,
        chi2_history=_native(hdus["CHI2"].data["CHI2"]),
        meta=metadata["reconstruction"],
        # Files from before there were verdicts get one that does not know the solver.
        verdict=Verdict(**metadata["verdict"]) if "verdict" in metadata else None,
        **_stored_models(path, hdus),
    )


def _verified(path, content):
    """Return the HDUs of a file that is what was written."""
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    damaged = (
        f"{path}: is damaged: it was truncated or altered after it was written; fetch or write it "
        "again"
    )
    with warnings.catch_warnings():
        # A file that ends early is no more than a warning to astropy.
        warnings.simplefilter("error", AstropyUserWarning)
        try:
            _check_format(path, fits.getheader(io.BytesIO(content), 0))
            hdus = fits.open(io.BytesIO(content), lazy_load_hdus=False)
            for hdu in hdus:
                hdu.verify("exception")
                if "CHECKSUM" not in hdu.header or not _sum_agrees(hdu.fileinfo(), content):
                    raise FileFormatError(damaged)
        except FileFormatError:
            raise
        except Exception as error:  # astropy raises many kinds for a broken file
            raise FileFormatError(damaged) from error
    if len(content) % 2880 or any(name not in hdus for name in _EXTENSIONS):
        raise FileFormatError(damaged)
    return hdus


def _sum_agrees(info, content):
    """Return whether an HDU adds up to minus zero, as its checksum makes it (FITS 4.0, app. J).

    astropy's own check passes over the filling of headers.
    """
    import numpy as np

    words = np.frombuffer(content[info["hdrLoc"] : info["datLoc"] + info["datSpan"]], ">u4")
    total = int(words.sum(dtype="uint64"))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total == 0xFFFFFFFF


def _check_format(path, header):
    version = header.get("RIMLENS")
    if not isinstance(version, int):
        raise FileFormatError(
            f"{path}: is a FITS file without a rimlens reconstruction; a file that "
            "Reconstruction.write wrote is wanted"
        )
    if version > _FORMAT:
        raise FileFormatError(
            f"{path}: has format version {version}, newer than {_FORMAT}, the newest that this "
            "rimlens reads; update rimlens"
        )


def _summary(reconstruction):
    from astropy.io import fits

    shear = reconstruction.shear
    radii = {k: v.to_value("arcsec") for k, v in reconstruction.einstein_radii.items()}
    header = fits.Header()
    for key, value in reconstruction.observation.meta.items():
        if header_holds(key, value):
            header[key] = value
    header["RIMLENS"] = (_FORMAT, "version of this format")
    header["THETA_E"] = (
        _finite(radii["mean_convergence"]), "[arcsec] circle of mean convergence 1"
    )  # fmt: skip
    header["THETACRI"] = (
        _finite(radii["critical_curve"]), "[arcsec] circle as large as the critical curve"
    )  # fmt: skip
    header["THETAAXI"] = (
        _finite(radii["intermediate_axis"]), "[arcsec] ellipse of mean convergence 1"
    )  # fmt: skip
    header["RCHI2"] = (
        _finite(reconstruction.reduced_chi2), "reduced chi-square over the pixels in use"
    )  # fmt: skip
    header["QUALITY"] = (reconstruction.quality, "good, suspect or unconstrained; see META")
    header["GAMMAEXT"] = (shear.gamma_ext, "external shear")
    header["PHIEXT"] = (shear.phi_ext.to_value("deg"), "[deg] its angle, east of north")
    header["GAMMA1"] = (shear.pixel_frame_gamma1, "shear along the pixel axes, first component")
    header["GAMMA2"] = (shear.pixel_frame_gamma2, "shear along the pixel axes, second component")
    return header


def _finite(value):
    """Return a number, or None, FITS's undefined value, for what FITS cannot hold."""
    return float(value) if math.isfinite(value) else None


def _image(name, data, wcs=None, unit=None):
    from astropy.io import fits

    from rimlens.observation.units import unit_text

    header = fits.Header() if wcs is None else wcs.to_header(relax=True)
    if unit is not None:
        header["BUNIT"] = unit_text(unit)
    return fits.ImageHDU(data, header=header, name=name)


def _errors(name, nddata):
    """Return the extension with the errors of a map, none where there are none."""
    if nddata.uncertainty is None:
        return []
    return [_image(f"{name}_ERR", nddata.uncertainty.array, nddata.wcs, nddata.unit)]


def _with_errors(hdus, name):
    """Return a map with its errors, where they are in the file."""
    from astropy.nddata import StdDevUncertainty

    found = _map(hdus[name])
    if f"{name}_ERR" in hdus:
        found.uncertainty = StdDevUncertainty(_native(hdus[f"{name}_ERR"].data))
    return found


def _parameters(parameters):
    """Return what was inferred on the sky as a table; a position has two rows."""
    from astropy.io import fits

    rows = []
    for name, value in parameters.items():
        if hasattr(value, "ra"):
            rows += [(f"{name}_ra", value.ra.deg, "deg"), (f"{name}_dec", value.dec.deg, "deg")]
        else:
            rows.append((name, float(getattr(value, "value", value)), _unit_of(value)))
    names, values, units = zip(*rows)
    columns = [
        fits.Column("NAME", f"{max(map(len, names))}A", array=names),
        fits.Column("VALUE", "D", array=values),
        fits.Column("UNIT", f"{max(1, *map(len, units))}A", array=units),
    ]
    return fits.BinTableHDU.from_columns(columns, name="PARAMETERS")


def _unit_of(value):
    from rimlens.observation.units import unit_text

    unit = getattr(value, "unit", None)
    return "" if unit is None else unit_text(unit)


def _models(models):
    """Return the extension that holds models, as the bytes of an ASDF file; none of no models."""
    import asdf
    import numpy as np
    from astropy.io import fits

    if not models:
        return []
    content = io.BytesIO()
    asdf.AsdfFile(models).write_to(content)
    return [fits.ImageHDU(np.frombuffer(content.getvalue(), "uint8"), name=_MODELS)]


def _stored_models(path, hdus):
    """Return the models in the extension that `_models` made."""
    import asdf
    from asdf.exceptions import AsdfWarning, ValidationError

    if _MODELS not in hdus:
        return {}
    content = io.BytesIO(hdus[_MODELS].data.tobytes())
    names = "pixel_frame_lens_model", "pixel_frame_source_model"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AsdfWarning)
            with asdf.open(content, lazy_load=False, memmap=False) as file:
                return {name: file[name] for name in names if name in file}
    except (AsdfWarning, ValidationError, ValueError, OSError, RuntimeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FileFormatError(f"{path}: its models cannot be read: {reason}") from error


def _history(chi2_history):
    from astropy.io import fits

    column = fits.Column("CHI2", "D", array=chi2_history)
    return fits.BinTableHDU.from_columns([column], name="CHI2")


def _metadata(reconstruction):
    """Return the metadata of reconstruction and observation, and the verdict, as JSON."""
    from astropy.io import fits

    contents = {
        "reconstruction": reconstruction.meta,
        "observation": reconstruction.observation.meta,
        "verdict": reconstruction.verdict.to_dict(),
    }
    names, texts = list(contents), [json.dumps(readable(m)) for m in contents.values()]
    columns = [
        fits.Column("NAME", "16A", array=names),
        fits.Column("JSON", f"{max(map(len, texts))}A", array=texts),
    ]
    return fits.BinTableHDU.from_columns(columns, name="META")


def _map(hdu):
    from astropy.nddata import NDData
    from astropy.wcs import WCS, FITSFixedWarning

    from rimlens.observation.units import unit_of_text

    unit = hdu.header.get("BUNIT")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(hdu.header)
    return NDData(_native(hdu.data), unit=None if unit is None else unit_of_text(unit), wcs=wcs)


def _native(data):
    """Return an array in the machine's byte order, independent of the file."""
    return data.astype(data.dtype.newbyteorder("="))

"""What is reported of one reconstruction: for people in lines, for programs in JSON.

Nothing is computed here; the table of many lenses stands in `rimlens.cli.lenses`.
"""

import math
import re
import shutil
import textwrap

_INDENT = 20
# Text wider than this is hard to read, whatever the terminal's width.
_WIDEST = 100
_PARTS = re.compile(r" (?=(?:uncertainty|mask|psf)=)")


def summary(reconstruction, file=None, files=()):
    """Return what ``--json`` prints.

    Parameters
    ----------
    reconstruction : Reconstruction
        Of one lens.
    file : str, optional
        The input.
    files : sequence of path, optional
        The files that were written.

    Returns
    -------
    dict
        Lengths in arcsec, angles in degrees and times in seconds, those of ``measures`` in pixels
        of the image; None for what is not finite.
    """
    verdict = reconstruction.verdict.to_dict()
    measures = verdict.pop("measures")
    shear = reconstruction.shear
    return {
        "file": None if file is None else str(file),
        **verdict,
        "theta_E": _finite(reconstruction.einstein_radius.to_value("arcsec")),
        "errors": {name: _finite(error) for name, error in reconstruction.errors.items()},
        "einstein_radii": {
            name: _finite(radius.to_value("arcsec"))
            for name, radius in reconstruction.einstein_radii.items()
        },
        "shear": {
            "gamma_ext": _finite(shear.gamma_ext),
            "phi_ext": _finite(shear.phi_ext.to_value("deg")),
        },
        "reduced_chi2": _finite(reconstruction.reduced_chi2),
        "chi2_arcs": measures.get("chi2_arcs"),
        "measures": measures,
        "extensions": extensions(reconstruction),
        "weights": reconstruction.meta.get("weights"),
        "binning": reconstruction.meta.get("binning"),
        "elapsed": _finite(reconstruction.meta["elapsed"]),
        "files": [str(path) for path in files],
    }


def failure(file, reason):
    """Return what ``--json`` prints, among several, of a lens without a reconstruction.

    Parameters
    ----------
    file : str
        The input.
    reason : str
        Why there is none.

    Returns
    -------
    dict
        The keys of `summary` with nothing in them.

    Examples
    --------
    >>> failure("lens.fits", "lens.fits: there is no such file")["quality"]
    'failed'
    """
    numbers = "theta_E errors einstein_radii shear reduced_chi2 chi2_arcs measures"
    others = "extensions weights binning elapsed"
    return {
        "file": str(file),
        "quality": "failed",
        "reasons": [reason],
        **dict.fromkeys(f"{numbers} {others}".split()),
        "files": [],
    }


def extensions(reconstruction):
    """Return where each part of an observation was found.

    Parameters
    ----------
    reconstruction : Reconstruction
        Of a lens that was read from a file.

    Returns
    -------
    dict of str to str
        The extension of ``data``, ``uncertainty``, ``psf`` and, where there is one, ``mask``,
        behind the name of the file where that is not the image's.
    """
    taken = reconstruction.observation.meta.get("EXTENSIONS", "")
    return dict(part.split("=", 1) for part in _PARTS.split(taken) if part)


def table(reconstruction, paths):
    """Return what is printed without ``--json``.

    Parameters
    ----------
    reconstruction : Reconstruction
        Of one lens.
    paths : list of path
        The files that were written.

    Returns
    -------
    str
        Several lines.
    """
    shear = reconstruction.shear
    verdict = reconstruction.verdict
    taken = extensions(reconstruction).items()
    rows = [
        ("Quality", verdict.quality),
        *(("Reason", reason) for reason in verdict.reasons),
        ("Einstein radius", radius_text(reconstruction)),
        (
            "External shear",
            f"{shear.gamma_ext:.3f} at {shear.phi_ext.to_value('deg'):.0f} deg east of north",
        ),
        ("Reduced chi-square", f"{reconstruction.reduced_chi2:.3f}"),
        ("    on the arcs", f"{verdict.measures.get('chi2_arcs', math.nan):.3f}"),
        ("Extensions", ", ".join(f"{role} {place}" for role, place in taken)),
        ("Time", f"{reconstruction.meta['elapsed']:.1f} s"),
    ]
    lines = [_wrapped(name, text) for name, text in rows if text]
    # A path is copied from the terminal, so it stays whole.
    lines += [f"{'' if i else 'Written':<{_INDENT}}{path}" for i, path in enumerate(paths)]
    return "\n".join(lines)


def line(record):
    """Return the line that is printed of one lens among several.

    Parameters
    ----------
    record : dict
        From `summary` or `failure`.

    Returns
    -------
    str

    Examples
    --------
    >>> line({"file": "a.fits", "quality": "good", "theta_E": 1.25, "reduced_chi2": 1.0})
    'good           1.250 arcsec  chi-square 1.000  a.fits'
    """
    radius, chi2 = record["theta_E"], record["reduced_chi2"]
    radius = "no radius" if radius is None else f"{radius:.3f} arcsec"
    chi2 = "" if chi2 is None else f"chi-square {chi2:.3f}"
    return f"{record['quality']:<13}{radius:>14}  {chi2:<16}  {record['file']}".rstrip()


def radius_text(reconstruction):
    """Return the Einstein radius in words."""
    radius = reconstruction.einstein_radius.to_value("arcsec")
    if not math.isfinite(radius):
        return "none"
    error = reconstruction.errors.get("einstein_radius", math.nan)
    stated = f" +- {error:.3f}" if math.isfinite(error) else ""
    return f"{radius:.3f}{stated} arcsec"


def doubt(file, verdict):
    """Return the warning about a reconstruction that is not good; None if it is.

    Parameters
    ----------
    file : str
        The input.
    verdict : Verdict
        Of its reconstruction.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from rimlens.reconstruction import Verdict
    >>> doubt("lens.fits", Verdict("suspect", ("The lens is off the middle.",)))
    'lens.fits: the reconstruction is suspect: The lens is off the middle.'
    """
    if verdict.quality == "good":
        return None
    return f"{file}: the reconstruction is {verdict.quality}: {' '.join(verdict.reasons)}"


def _wrapped(name, text):
    """Return a row whose text goes on below itself where it is long."""
    width = max(min(shutil.get_terminal_size().columns, _WIDEST), 2 * _INDENT)
    return textwrap.fill(
        text,
        width,
        initial_indent=f"{name:<{_INDENT}}",
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _finite(value):
    return float(value) if math.isfinite(value) else None

"""Files as telescopes and other programs write them are read right, or it is said why not."""

import warnings

import numpy as np
import pytest
from astropy.io import fits

from observation.mock_exposure import gaussian, image
from rimlens.errors import FileFormatError, InputError
from rimlens.observation import Observation
from rimlens.observation.psf import equivalent_fwhm

SHAPE = (40, 44)
SIGMA = 0.1


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file with image, noise and point-spread function."""

    def write(name="lens.fits", *, sci=None, err=None, psf=None, noise="ERR", cards=()):
        cards = {"SCI": {"PIXSCALE": 0.05}, noise: {}, "PSF": {}} | dict(cards)
        rng = np.random.default_rng(0)
        arrays = {
            "SCI": rng.normal(0, SIGMA, SHAPE) if sci is None else sci,
            noise: np.full(SHAPE, SIGMA) if err is None else err,
            "PSF": gaussian((9, 9)) if psf is None else psf,
        }
        hdus = [fits.ImageHDU(a, fits.Header(cards[n]), name=n) for n, a in arrays.items()]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / name)
        return tmp_path / name

    return write


def read(path, expected=(), **options):
    """Read a file, and check the warnings beside the one that there is no WCS."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = Observation.read(path, **options)
    messages = [str(w.message) for w in caught if "no celestial WCS" not in str(w.message)]
    assert len(messages) == len(expected), messages
    for message, words in zip(messages, expected):
        assert words in message
    return found


def spoil(path, extension):
    """Write a card that FITS does not allow into a header."""
    with fits.open(path) as hdus:
        start = hdus[extension].fileinfo()["hdrLoc"]
    content = bytearray(path.read_bytes())
    end = content.find(b"END" + b" " * 77, start)
    content[end : end + 160] = b"TEMP    =                  nan".ljust(80) + b"END".ljust(80)
    path.write_bytes(content)


@pytest.mark.parametrize("extension", [0, 1, 2, 3])
def test_a_card_that_fits_does_not_allow_is_kept_as_text(write, extension):
    path = write()
    spoil(path, extension)
    found = read(path)
    assert found.shape == SHAPE
    assert found.meta.get("TEMP") == ("nan" if extension < 2 else None)


def test_a_plane_of_a_cube_with_distortions_has_its_wcs(write):
    cards = {
        "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CRVAL1": 150.0, "CRVAL2": 2.0,
        "CRPIX1": 22.5, "CRPIX2": 20.5, "CD1_1": -1.4e-5, "CD1_2": 0.0, "CD2_1": 0.0,
        "CD2_2": 1.4e-5, "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1e-6,
        "CTYPE3": "TIME", "CRVAL3": 0.0, "CRPIX3": 1.0, "CDELT3": 1.0,
    }  # fmt: skip
    path = write(sci=image(SHAPE)[None] * 0 + np.random.default_rng(1).normal(0, SIGMA, SHAPE),
                 cards={"SCI": cards})  # fmt: skip
    found = Observation.read(path)
    # The distortions change the scale by less than a thousandth over the stamp.
    assert found.pixel_scale.to_value("arcsec") == pytest.approx(1.4e-5 * 3600, rel=1e-3)


def test_what_is_wrong_with_a_wcs_is_repeated(write):
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--SIN"}
    path = write(cards={"SCI": cards})
    with pytest.raises(InputError, match="no celestial WCS and no pixel scale.*astropy says"):
        Observation.read(path)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("DN/S", "DN / s"), ("COUNTS/S", "ct / s"), ("ELECTRONS/S", "electron / s"),
        ("ADU/S", "adu / s"), ("count/S", "ct / s"), ("electron/S", "electron / s"),
        ("PHOTON S-1", "ph / s"), ("MJY/SR", "MJy / sr"), ("NJY", "nJy"),
        ("ELECTRONS/SEC", "electron / s"),
        ("e-/s", "electron / s"), ("counts/sec", "ct / s"), ("cps", "ct / s"), ("DN", "DN"),
        ("ERG/S/CM2/ANGSTROM", "erg / (Angstrom s cm2)"), ("MJy/sr", "MJy / sr"), ("mJy", "mJy"),
    ],
)  # fmt: skip
def test_units_in_any_case_are_those_that_are_meant(write, text, unit):
    assert read(write(cards={"SCI": {"PIXSCALE": 0.05, "BUNIT": text}})).unit == unit


@pytest.mark.parametrize(
    ("noise", "value"),
    [("WHT", 1 / (9 * SIGMA**2)), ("ERR", SIGMA / 4), ("VAR", (5 * SIGMA) ** 2)],
)
def test_noise_that_disagrees_with_the_scatter_is_warned_of(write, noise, value):
    path = write(noise=noise, err=np.full(SHAPE, value))
    read(path, expected=["times the scatter of neighboring pixels"])


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.6])
def test_noise_that_is_correlated_or_a_little_off_is_not_warned_of(write, factor):
    read(write(err=np.full(SHAPE, factor * SIGMA)))


def test_a_weight_without_unit_beside_an_image_with_one_is_refused(write):
    cards = {"SCI": {"BUNIT": "ELECTRONS/S", "PIXSCALE": 0.05}, "WHT": {"BUNIT": "UNITLESS"}}
    path = write(noise="WHT", err=np.full(SHAPE, 2400.0), cards=cards)
    with pytest.raises(InputError, match="BUNIT = 'UNITLESS' .*uncertainty_type 'ivar'"):
        Observation.read(path)


@pytest.mark.parametrize(
    "cards", [{"PIXELSCL": 0.0125}, {"PIXSCALE": 0.0125}, {"OVERSAMP": 4},
              {"PIXELSCL": 0.0125, "OVERSAMP": 4}]
)  # fmt: skip
@pytest.mark.parametrize("size", [40, 41])
def test_a_finer_psf_is_binned_to_the_pixels_of_the_image(write, cards, size):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    sigma = 1.3
    fine = np.exp(-(x**2 + y**2) / 2 / (4 * sigma) ** 2)
    found = read(write(psf=fine, cards={"PSF": cards}), expected=["was binned by 4"])
    # A pixel widens a Gaussian by the variance of a square, 1 / 12.
    expected = 2.3548 * np.sqrt(sigma**2 + 1 / 12)
    assert equivalent_fwhm(found.psf) == pytest.approx(expected, rel=0.01)
    assert found.psf.sum() == pytest.approx(1)


def test_a_psf_at_the_scale_of_the_image_is_left_alone(write):
    found = read(write(cards={"PSF": {"PIXELSCL": 0.0502, "OVERSAMP": 1}}))
    np.testing.assert_allclose(found.psf, gaussian((9, 9)) / gaussian((9, 9)).sum())


@pytest.mark.filterwarnings("ignore:.*no celestial WCS")
@pytest.mark.parametrize("scale", [0.03, 0.08])
def test_a_psf_whose_pixels_do_not_fit_is_refused(write, scale):
    path = write(cards={"PSF": {"PIXELSCL": scale}})
    with pytest.raises(InputError, match=r"\[PSF\]: its header states PIXELSCL = .*resample"):
        Observation.read(path)


def test_a_last_block_that_is_not_filled_loses_nothing(write):
    path = write()
    with fits.open(path) as hdus:
        end = hdus[-1].fileinfo()["datLoc"] + hdus[-1].data.nbytes
    whole, expected = path.read_bytes(), read(path)
    path.write_bytes(whole[:end])
    np.testing.assert_array_equal(read(path).psf, expected.psf)
    # One byte less is data that are missing.
    path.write_bytes(whole[: end - 1])
    with pytest.raises(FileFormatError, match="is damaged or truncated"):
        Observation.read(path)

"""Checks of `rimlens prepare`: the file that it writes, its figure, and what it refuses."""

import numpy as np
import pytest
from astropy.io import fits

from observation.mock_exposure import rotated_wcs
from observation.preparation.lens_image import SCALE, arc, galaxy, image_of
from rimlens import Observation

SHAPE, LENS = (100, 100), (49.5, 49.5)


@pytest.fixture
def frame(tmp_path):
    header = rotated_wcs(SHAPE, SCALE, 20.0).to_header()
    header["BUNIT"] = "ELECTRONS/S"
    header["EXPTIME"] = 1000.0
    data = 0.1 + image_of(SHAPE, galaxy(LENS), arc(LENS, 1.0, 0.3, peak=0.4), noise=0.01)
    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(data, header).writeto(path)
    return path


def test_an_observation_and_a_figure_are_written(frame, call, tmp_path):
    output, figure = tmp_path / "lens.fits", tmp_path / "stages.png"
    result = call("prepare", frame, "--size", "4arcsec", "--psf", "0.1arcsec", "-o", output,
                  "--plot", figure)  # fmt: skip
    assert result.exit_code == 0, result.output
    observation = Observation.read(output)
    assert observation.shape == (80, 80)
    assert "subtract_lens_light: method=mge" in result.stdout
    assert result.stdout.splitlines()[-1].startswith(f"Written  {output}")
    assert figure.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert np.max(observation.data) < 0.6


def test_an_output_that_exists_is_kept(frame, call, tmp_path):
    output = tmp_path / "lens.fits"
    output.write_text("precious")
    result = call("prepare", frame, "--psf", "0.1arcsec", "-o", output)
    assert result.exit_code == 2
    assert "lens.fits: exists already" in result.stderr
    assert output.read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--psf", "0.1arcsec", "--position", "12:00:00 +80:00:00"], "position"),
        (["--psf", "missing.fits"], "missing.fits: there is no such file"),
        (["--psf", "0.1arcsec", "--size", "4arcsecs"], "size"),
        (["--lens-light", "mgee"], "lens-light"),
        ([], "psf: the file has none"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_leaves_no_file(
    frame, call, tmp_path, options, message
):
    result = call("prepare", frame, "-o", tmp_path / "lens.fits", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["frame.fits"]

"""Checks of the ranges of simulations."""

import pytest

from rimlens.errors import InputError
from rimlens.generators import SimulationDomain
from rimlens.generators.domain import INGREDIENTS


def test_a_domain_without_ingredients_is_written_as_before_there_were_any():
    assert not set(INGREDIENTS) & set(SimulationDomain().to_dict())
    written = SimulationDomain(subhalo_number=5.0, dust_depth=(0.1, 0.2)).to_dict()
    assert set(INGREDIENTS) & set(written) == {"subhalo_number", "dust_depth"}
    assert written["dust_depth"] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theta_E", (0.0, 3.0)),
        ("theta_E", 20.0),
        ("source_radius", (3.0, 2.0)),
        ("core", ("a", "b")),
        ("subhalo_number", -1.0),
        ("subhalo_mass", (1e-3, float("inf"))),
        ("field_amplitude", -0.1),
        ("field_kind", "lognormal"),
        ("dust_fraction", 1.5),
        ("smallest_radius", 0.0),
    ],
)
def test_a_range_that_is_none_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name}: .* wanted, found"):
        SimulationDomain(**{name: value})

"""The figure of one reconstruction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.visualization.wcsaxes import WCSAxes, add_scalebar
from astropy.wcs.utils import proj_plane_pixel_area
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from rimlens.maps import convergence_center, inverse_magnification
from rimlens.plotting.observation import BRIGHTNESS, UNUSED, brightness_norm, unit_label

if TYPE_CHECKING:
    from rimlens.reconstruction.reconstruction import Reconstruction

_RESIDUAL, _CONVERGENCE = "RdBu_r", "cividis"
_RESIDUAL_LIMIT = 5.0
# The zero of det A around the central cusp is an artifact of its pixels.
_CUSP = 2.5
_OUTLINE = [withStroke(linewidth=2.0, foreground="black", alpha=0.6)]


def reconstruction_figure(reconstruction: Reconstruction) -> Figure:
    """Draw data, model, residual, source, convergence and the course of the chi-square.

    Data and model share a scale; pixels that were not used are gray in data and residual.  The
    convergence carries the critical curve and the Einstein circle.  Bars show arcseconds, the
    arrows north and east.

    Parameters
    ----------
    reconstruction : rimlens.Reconstruction
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, which belongs to no window.
    """
    observation = reconstruction.observation
    label = unit_label(observation.unit)
    figure = Figure(figsize=(11.0, 7.0), dpi=120, layout="constrained")
    grid = figure.add_gridspec(2, 3)

    def panel(cell, title, data, wcs, norm, cmap, bar_label):
        axes = figure.add_subplot(grid[cell], axes_class=WCSAxes, wcs=wcs.celestial)
        image = axes.imshow(data, origin="lower", norm=norm, cmap=cmap, interpolation="nearest")
        axes.set_facecolor(UNUSED)
        axes.set_title(title, fontsize="medium")
        for coordinate in axes.coords:
            coordinate.set_ticks_visible(False)
            coordinate.set_ticklabel_visible(False)
            coordinate.set_auto_axislabel(False)
        bar_axes = axes.inset_axes([1.03, 0.0, 0.05, 1.0], axes_class=Axes)
        bar = figure.colorbar(image, cax=bar_axes, ticks=_round_ticks(norm), format="{x:g}")
        bar.minorticks_off()
        bar.set_label(bar_label, fontsize="small")
        bar.ax.tick_params(labelsize="small")
        _scale_bar(axes, wcs, data.shape, "black" if cmap == _RESIDUAL else "white")
        return axes

    data = np.ma.MaskedArray(observation.data, mask=observation.mask)
    brightness = brightness_norm(observation)
    residual = reconstruction.normalized_residual
    source, convergence = reconstruction.source, reconstruction.convergence

    axes = panel((0, 0), "data", data, observation.wcs, brightness, BRIGHTNESS, label)
    _compass(axes, observation.wcs, data.shape)
    panel(
        (0, 1), "model", reconstruction.model.data, observation.wcs, brightness, BRIGHTNESS, label
    )
    panel(
        (0, 2),
        "residual",
        residual,
        observation.wcs,
        Normalize(-_RESIDUAL_LIMIT, _RESIDUAL_LIMIT),
        _RESIDUAL,
        r"(data $-$ model) / $\sigma$",
    )
    panel((1, 0), "source", source.data, source.wcs, _source_norm(source.data), BRIGHTNESS, label)
    axes = panel(
        (1, 1),
        "convergence",
        np.maximum(convergence.data, np.finfo(float).tiny),
        convergence.wcs,
        _convergence_norm(convergence.data),
        _CONVERGENCE,
        r"$\kappa$",
    )
    _lens_curves(axes, reconstruction)
    _chi2_panel(figure.add_subplot(grid[1, 2]), reconstruction)
    figure.suptitle(_summary(reconstruction), fontsize="medium")
    return figure


def _source_norm(source):
    top = np.percentile(source, 99.9)
    top = top if top > 0 else 1.0
    return AsinhNorm(linear_width=0.1 * top, vmin=min(0.0, np.percentile(source, 0.1)), vmax=top)


def _convergence_norm(convergence):
    top = max(np.percentile(convergence, 99.9), 1.0)
    bottom = np.clip(np.percentile(convergence, 1.0), 0.01 * top, 0.5 * top)
    return LogNorm(bottom, top)


def _round_ticks(norm):
    """Return ticks at powers of ten, and 2 and 5 times them where they are few."""
    if isinstance(norm, Normalize) and not isinstance(norm, (AsinhNorm, LogNorm)):
        return MaxNLocator(5)
    # Below its linear width an inverse hyperbolic sine leaves room for the zero alone.
    smallest = norm.vmin if isinstance(norm, LogNorm) else 0.5 * norm.linear_width
    decades = 10.0 ** np.arange(np.floor(np.log10(smallest)), np.ceil(np.log10(norm.vmax)) + 1)
    steps = (1, 2, 5) if norm.vmax < 100 * smallest else (1,)
    ticks = np.unique(np.outer(steps, decades))
    ticks = ticks[(ticks >= smallest) & (ticks <= norm.vmax)]
    return ticks if isinstance(norm, LogNorm) else np.concatenate([[0.0], ticks])


def _pixel_scale(wcs):
    return np.sqrt(proj_plane_pixel_area(wcs.celestial)) * u.deg.to(u.arcsec)


def _scale_bar(axes, wcs, shape, color):
    """Draw a bar of a round length, at most a third of the panel's width."""
    third = 0.33 * shape[1] * _pixel_scale(wcs)
    power = 10.0 ** np.floor(np.log10(third))
    length = max(step * power for step in (1, 2, 5) if step * power <= third)
    add_scalebar(
        axes,
        length * u.arcsec,
        label=f'{length:g}"',
        color=color,
        corner="bottom left",
    )


def _compass(axes, wcs, shape):
    """Draw arrows to the north and to the east in the lower right corner."""
    ny, nx = shape
    middle = wcs.celestial.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
    step = _pixel_scale(wcs) * u.arcsec
    arrows = []
    for name, angle in (("N", 0 * u.deg), ("E", 90 * u.deg)):
        ahead = middle.icrs.directional_offset_by(angle, step).transform_to(middle.frame)
        x, y = wcs.celestial.world_to_pixel(ahead)
        arrows.append((name, np.array([x - (nx - 1) / 2, y - (ny - 1) / 2])))
    # The pair of arrows is centered on its place, whichever way it points.
    length = 0.13 * min(nx, ny)
    root = np.array([0.85 * nx, 0.15 * ny]) - 0.5 * length * sum(arrow for _, arrow in arrows)
    style = {"arrowstyle": "->", "color": "white", "shrinkA": 0, "shrinkB": 0}
    for name, arrow in arrows:
        axes.annotate("", xy=root + length * arrow, xytext=root, arrowprops=style)
        place = root + 1.35 * length * arrow
        axes.text(
            *place, name, color="white", size="small", ha="center", va="center",
            path_effects=_OUTLINE,
        )  # fmt: skip


def _lens_curves(axes, reconstruction):
    """Draw the critical curve and the Einstein circle."""
    convergence = reconstruction.convergence
    x0, y0 = convergence_center(convergence.data)
    shear = reconstruction.shear
    inverse = inverse_magnification(
        convergence.data, (shear.pixel_frame_gamma1, shear.pixel_frame_gamma2)
    )
    y, x = np.indices(inverse.shape)
    inverse = np.ma.masked_where(np.hypot(x - x0, y - y0) < _CUSP, inverse)
    handles = []
    if inverse.min() < 0 < inverse.max():
        axes.contour(inverse, levels=[0.0], colors="white", linewidths=1.2)
        handles.append(Line2D([], [], color="white", lw=1.2, label="critical curve"))
    radius = reconstruction.einstein_radius.to_value("arcsec") / _pixel_scale(convergence.wcs)
    if np.isfinite(radius):
        circle = {"color": "tomato", "lw": 1.2, "ls": "--"}
        axes.add_patch(Circle((x0, y0), radius, fill=False, **circle))
        handles.append(Line2D([], [], label="Einstein circle", **circle))
    if handles:
        axes.legend(
            handles=handles,
            loc="upper right",
            fontsize="small",
            facecolor="black",
            edgecolor="none",
            framealpha=0.5,
            labelcolor="white",
        )


def _chi2_panel(axes, reconstruction):
    history = reconstruction.chi2_history
    axes.plot(np.arange(1, len(history) + 1), history, "o-", color="0.2", ms=4)
    axes.axhline(1.0, color="0.6", lw=0.8, ls=":")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_box_aspect(1)
    axes.set_title("reduced chi-square", fontsize="medium")
    axes.set_xlabel("step", fontsize="small")
    axes.tick_params(labelsize="small")


def _summary(reconstruction):
    shear = reconstruction.shear
    radius = reconstruction.einstein_radius.to_value("arcsec")
    name = reconstruction.observation.meta.get("OBJECT", "")
    name = f"{name}     ".replace("$", r"\$") if name else ""
    einstein = f'{radius:.3f}"' if np.isfinite(radius) else "none"
    return (
        rf"{name}$\theta_E$ = {einstein}     $\gamma_\mathrm{{ext}}$ = {shear.gamma_ext:.3f} at "
        rf"{shear.phi_ext.to_value('deg'):.0f}° east of north     "
        rf"$\chi^2_\nu$ = {reconstruction.reduced_chi2:.2f}     {reconstruction.quality}"
    )

"""Draws which subpackage imports which, from the imports themselves."""

from matplotlib.figure import Figure

# From the command line at the top to what imports nothing at the bottom, as the contracts in
# pyproject.toml say; what stands beside has no rank.
LAYERS = (
    ("cli",),
    ("training",),
    ("evaluation",),
    ("rim", "simulation"),
    ("prior", "reconstruction", "plotting"),
    ("generators", "datasets", "maps"),
    ("lens", "source"),
    ("imaging", "observation"),
    ("models", "io"),
    ("backend",),
)


def imports_between(package="rimlens"):
    """Return the pairs of subpackages of which the first imports the second."""
    import grimp

    graph = grimp.build_graph(package, exclude_type_checking_imports=True)
    shown = {name for layer in LAYERS for name in layer}
    pairs = set()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            pair = tuple(module.split(".")[1:2] for module in (importer, imported))
            names = tuple(name[0] for name in pair if name)
            if len(names) == 2 and set(names) <= shown and names[0] != names[1]:
                pairs.add(names)
    return sorted(pairs)


def without_shortcuts(pairs):
    """Leave out what follows from other pairs: if a imports b and b imports c, so may a."""

    def reaches(start, end, direct):
        return any(
            b == end or reaches(b, end, True)
            for a, b in pairs
            if a == start and (direct or b != end)
        )

    return [(a, b) for a, b in pairs if not reaches(a, b, False)]


def draw(path):
    """Write the drawing as SVG."""
    figure = Figure(figsize=(8.0, 7.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    place = {}
    for row, layer in enumerate(LAYERS):
        for column, name in enumerate(layer):
            place[name] = (2.0 * (column - (len(layer) - 1) / 2) + 0.25 * (row % 2), -row)
    for importer, imported in without_shortcuts(imports_between()):
        axes.annotate(
            "",
            xy=place[imported],
            xytext=place[importer],
            arrowprops={
                "arrowstyle": "-|>",
                "color": "0.65",
                "shrinkA": 14,
                "shrinkB": 14,
                "connectionstyle": "arc3,rad=0.08",
            },
        )
    for name, (x, y) in place.items():
        axes.text(
            x,
            y,
            name,
            ha="center",
            va="center",
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "0.3"},
        )
    axes.set_xlim(-3.2, 3.2)
    axes.set_ylim(0.5 - len(LAYERS), 0.5)
    figure.savefig(path, format="svg", metadata={"Date": None})

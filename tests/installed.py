"""Packages that look installed: folders of metadata, as pip leaves them."""


def install(folder, package, entry_points, version="1.0", suffix="dist-info"):
    """Write the metadata of a package into a folder that is, or will be, on the path.

    `entry_points` is a dict of groups, each a dict of names to ``"module:Class"``.
    """
    info = folder / f"{package.replace('-', '_')}-{version}.{suffix}"
    info.mkdir(parents=True)
    metadata = "PKG-INFO" if suffix == "egg-info" else "METADATA"
    (info / metadata).write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = []
    for group, values in entry_points.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in values.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

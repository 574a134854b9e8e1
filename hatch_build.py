"""What a wheel carries besides the package: static files, templates and migrations, inside crowdmap/."""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BESIDE = ("static", "templates", "migrations")


class Beside(BuildHookInterface):
    """Maps BESIDE into crowdmap/ of a wheel, and stops the build when the page's scripts were not built."""

    def initialize(self, version, build_data):
        # An editable install finds these folders in the checkout; copies in site-packages would only go stale.
        if version == "editable":
            return
        root = Path(self.root)
        if not (root / "static" / "dist" / "manifest.json").is_file():
            raise SystemExit(
                "static/dist is missing, so the wheel would have no map. Run `python3 dev.py assets` first, then build again."
            )
        for folder in BESIDE:
            for path in sorted((root / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts and ".webassets-cache" not in path.parts:
                    inside = path.relative_to(root).as_posix()
                    build_data["force_include"][str(path)] = f"crowdmap/{inside}"

"""crowdmap: a crisis map that a small team can start in two minutes and trust for months."""

from importlib import import_module
from pathlib import Path

from flask import Flask

__version__ = "0.1.0"

HERE = Path(__file__).parent
# a wheel carries static, templates and migrations inside the package; a checkout has them beside it
ROOT = HERE if (HERE / "static").is_dir() else HERE.parent

# in the order of the arrows (docs/architecture in README): each has init_app(app), and may have a cli
FEATURES = (
    "accounts", "reports", "publishing", "filters", "dedupe", "moderation", "intake", "organisations", "tasks", "feeds", "maps",
    "alerts", "progress", "openapi", "operate", "demo", "simulate",
)  # fmt: skip


def create_app(overrides: dict | None = None) -> Flask:
    """The application. *overrides*: setting names → values, which win over environment and file.

    Raises config.SettingError where a setting cannot be used.
    """
    from crowdmap import assets, config, db, language, problems, web

    app = Flask(__name__, static_folder=str(ROOT / "static"), template_folder=str(ROOT / "templates"))
    settings = config.load(overrides)
    app.config["CROWDMAP"] = settings
    app.config["SECRET_KEY"] = settings.SECRET_KEY
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    db.init_app(app)
    problems.init_app(app)
    language.init_app(app)
    assets.init_app(app)
    web.init_app(app)
    for name in FEATURES:
        feature = import_module(f"crowdmap.{name}")
        if hasattr(feature, "init_app"):
            feature.init_app(app)
    app.context_processor(lambda: {"crisis": crisis_words(settings)})
    return app


def crisis_words(settings) -> dict:
    """What every page knows of the crisis."""
    return {
        "title": settings.TITLE,
        "area": settings.AREA.as_list() if settings.AREA else None,
        "timezone": settings.TIMEZONE,
        "moderation": settings.MODERATION,
        "languages": list(settings.LANGUAGES),
        "license": settings.DATA_LICENSE,
        "attribution": settings.ATTRIBUTION,
        "tile_url": settings.TILE_URL,
        "tile_attribution": settings.TILE_ATTRIBUTION,
    }

"""Layers: named filters, which maps draw and feeds serve."""

from dataclasses import replace

from flask_babel import gettext as _

from crowdmap.errors import InvalidParameter, NotFound
from crowdmap.filters import LAYERS, ReportFilter

__all__ = ["LAYERS", "layer_filter"]


def layer_filter(layer: str, args, also=()) -> ReportFilter:
    """The layer's filter narrowed by the query. Raises NotFound, UnknownParameter, InvalidParameter."""
    if layer not in LAYERS:
        raise NotFound(_("There is no layer %(name)s; there are %(known)s.", name=layer[:40], known=", ".join(LAYERS)))
    chosen = ReportFilter.parse(args, also=also)
    kinds = LAYERS[layer]
    if kinds and chosen.kinds and set(chosen.kinds) != set(kinds):
        raise InvalidParameter(f"the layer {layer} holds {kinds[0]} only; use /feeds/all", field="kind")
    return replace(chosen, kinds=kinds or chosen.kinds)

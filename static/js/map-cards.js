/* The words and the small cards of a report, the same in the popup and in the list. */
(function () {
  "use strict";
  const CM = window.CM;

  /** Drawn state of the mark: met, claimed, stale or nothing. */
  CM.shade = (p) => (p.status === "closed" ? "met" : p.claimed ? "claimed" : p.freshness === "stale" ? "stale" : "");
  CM.markOf = (feature) => CM.mark(feature.properties.kind, feature.properties.verification, CM.shade(feature.properties));
  CM.pageOf = (feature) => "/reports/" + encodeURIComponent(feature.id);
  CM.titleOf = (feature) => feature.properties.title || (feature.properties.description || "").slice(0, 80) || CM.t("untitled");

  /** "Delmas 33 · 12 min ago · verified · 3 voices" */
  CM.metaOf = function (feature, short) {
    const p = feature.properties;
    const parts = [];
    if (!short) parts.push(CM.el("span", { class: "kind-word " + p.kind, text: CM.t("kind_" + p.kind) }));
    if (p.place || p.area) parts.push(CM.el("bdi", { text: p.place || p.area }));
    else if (!feature.geometry) parts.push(CM.t("place_unknown"));
    if (!short && feature.geometry && p.precision_m >= 50) parts.push(CM.t("within", { length: CM.metres(p.precision_m) }));
    // both on the full hour: the server cut them, as `ReportView.hourly` knows
    parts.push(CM.time(p.occurred_at || p.created_at, false, /:00:00Z$/.test(p.created_at) && /:00:00Z$/.test(p.updated_at)));
    parts.push(CM.t(p.status === "closed" ? "closed" : p.verification));
    if (p.voices > 1) parts.push(CM.t("voices", { n: CM.number(p.voices) }));
    const line = CM.el("p", { class: "meta" });
    parts.forEach((part, at) => { if (at) line.append(" · "); line.append(part); });
    return line;
  };

  CM.linksOf = function (feature) {
    const page = new URL(CM.pageOf(feature), location.href).href;
    return CM.el("p", { class: "buttons" }, [
      CM.el("a", { class: "button small", href: CM.pageOf(feature), text: CM.t("open_report") }),
      CM.el("button", { type: "button", class: "button small quiet", on: { click: () => CM.copy(page) } }, [CM.icon("link"), CM.t("copy_link")]),
    ]);
  };

  /** What a popup shows of one report. back: a function when it came from a list of one place. */
  CM.card = function (feature, back) {
    const p = feature.properties;
    const card = CM.el("article", { class: "popup-card", dir: document.documentElement.dir });
    if (back) card.append(CM.el("p", {}, CM.el("button", { type: "button", class: "link-button", on: { click: back } }, [CM.icon("chevron-left", "turns"), CM.t("all_here")])));
    card.append(CM.el("div", { class: "top" }, [
      CM.markOf(feature),
      CM.el("p", { class: "title", dir: "auto", text: CM.titleOf(feature) }),
      CM.metaOf(feature),
    ]));
    const detail = CM.el("div", { class: "detail" });
    if (p.description && p.description !== p.title) detail.append(CM.el("p", { class: "text", dir: "auto", text: p.description }));
    if (p.translation) detail.append(CM.el("p", { class: "text", dir: "auto", text: p.translation }));
    detail.append(CM.linksOf(feature));
    card.append(detail);
    return card;
  };

  /** One row of a list; chosen(feature) runs on click. */
  CM.row = function (feature, chosen) {
    return CM.el("li", { class: "report-row", data: { id: feature.id } }, [
      CM.markOf(feature),
      CM.el("p", { class: "title" }, CM.el("button", { type: "button", dir: "auto", text: CM.titleOf(feature), on: { click: () => chosen(feature) } })),
      CM.metaOf(feature, true),
    ]);
  };
})();

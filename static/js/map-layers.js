/* Draws what map-data holds: rings split by kind for cells, marks for points, one counted mark where several share a place. */
(function () {
  "use strict";
  const CM = window.CM;
  const drawn = new Map(); // key → {marker, signature}
  let layer = null;
  let circle = null;
  const fresh = new Set();

  const compact = (n) => new Intl.NumberFormat(document.documentElement.lang || "en", { notation: n >= 1000 ? "compact" : "standard", maximumFractionDigits: 1 }).format(n);
  const words = (p) => CM.KINDS.filter((kind) => p[kind]).map((kind) => CM.t("kinds_" + kind) + " " + CM.number(p[kind])).join(" · ");

  /** A ring whose arcs are the kinds and whose radius (13 to 27 px) follows the logarithm of the count. */
  function ring(p) {
    const outer = Math.min(27, 12.5 + 3.6 * Math.log10(p.n));
    const width = 5;
    const size = Math.ceil(outer * 2 + 8);
    const mid = size / 2;
    const radius = outer - width / 2;
    const svg = CM.svg("svg", { width: size, height: size, viewBox: "0 0 " + size + " " + size, "aria-hidden": "true" });
    if (p.coincident) svg.append(CM.svg("circle", { class: "stack", cx: mid, cy: mid, r: outer + 3 }));
    svg.append(CM.svg("circle", { class: "core", cx: mid, cy: mid, r: outer }));
    const kinds = CM.KINDS.filter((kind) => p[kind] > 0);
    let turn = -Math.PI / 2;
    kinds.forEach((kind) => {
      if (kinds.length === 1) {
        svg.append(CM.svg("circle", { class: "whole " + kind, cx: mid, cy: mid, r: radius, "stroke-width": width }));
        return;
      }
      const span = (2 * Math.PI * p[kind]) / p.n;
      const gap = Math.min(0.05, span / 4);
      const at = (angle) => (mid + radius * Math.cos(angle)).toFixed(2) + " " + (mid + radius * Math.sin(angle)).toFixed(2);
      svg.append(CM.svg("path", { class: kind, "stroke-width": width, d: "M" + at(turn + gap) + "A" + radius + " " + radius + " 0 " + (span > Math.PI ? 1 : 0) + " 1 " + at(turn + span - gap) }));
      turn += span;
    });
    svg.append(CM.svg("text", { x: mid, y: mid + 4.5, text: compact(p.n) }));
    return { svg: svg, size: size };
  }

  /** One report among cells: its kind's shape, without the outline that would claim how sure it is. */
  function alone(p) {
    const kind = CM.KINDS.find((name) => p[name]);
    return { svg: CM.mark(kind, "plain"), size: 30 };
  }

  function cellMarker(feature) {
    const p = feature.properties;
    const drawing = p.n === 1 ? alone(p) : ring(p);
    const icon = L.divIcon({ className: p.n === 1 ? "map-mark" : "ring" + (p.coincident ? " one-place" : ""), html: drawing.svg, iconSize: [drawing.size, drawing.size] });
    const [lon, lat] = feature.geometry.coordinates;
    const marker = L.marker([lat, lon], { icon: icon, keyboard: false, title: words(p), zIndexOffset: Math.round(p.n) });
    marker.on("click", () => openCell(feature));
    return marker;
  }

  async function openCell(feature) {
    const p = feature.properties;
    const [west, south, east, north] = p.bbox;
    const zoom = CM.map.getBoundsZoom([[south, west], [north, east]], false, L.point(60, 60));
    if (!p.coincident && CM.map.getZoom() < CM.map.getMaxZoom() && zoom > CM.map.getZoom()) {
      CM.map.flyToBounds([[south, west], [north, east]], { maxZoom: Math.min(zoom, CM.map.getZoom() + 4), animate: !CM.calm(), duration: 0.6 });
      return;
    }
    const at = [feature.geometry.coordinates[1], feature.geometry.coordinates[0]];
    const popup = CM.popup(at, CM.el("p", { class: "popup-head", text: CM.t("loading") }));
    const pad = 1e-5; // the box of one coordinate has no width
    const query = CM.state.query({ bbox: [west - pad, south - pad, east + pad, north + pad].map((x) => x.toFixed(6)).join(","), limit: 50 });
    try {
      const body = await CM.ask(CM.config.urls.reports + "?" + query);
      if (body.features.length === 1) CM.select(body.features[0], "map");
      else popup.setContent(placeList(body.features, body.numberMatched, popup));
    } catch (wrong) {
      popup.setContent(CM.el("p", { class: "popup-head", text: wrong.message }));
    }
  }

  /** The list of the reports of one place; a row opens the report in the same popup. */
  function placeList(features, total, popup) {
    const box = CM.el("div", { dir: document.documentElement.dir });
    const list = CM.el("ul", { class: "report-list popup-list" });
    // Leaflet asks of a clicked node whether it stands in a popup: it must not be gone by then, hence a moment later.
    const swap = (content) => setTimeout(() => popup.setContent(content), 0);
    features.forEach((feature) => list.append(CM.row(feature, () => {
      swap(CM.card(feature, () => swap(placeList(features, total, popup))));
      CM.state.choose(feature.id);
      showPrecision(feature);
    })));
    box.append(CM.el("p", { class: "popup-head", text: CM.t("in_one_place", { n: CM.number(total) }) }), list);
    return box;
  }

  function pointMarker(features) {
    const newest = features[0];
    const [lon, lat] = newest.geometry.coordinates;
    const html = CM.el("div", { class: "map-mark-in" }, CM.markOf(newest));
    const names = ["map-mark"];
    if (features.length > 1) html.append(CM.el("span", { class: "many", text: compact(features.length) }));
    if (features.some((feature) => fresh.has(feature.id))) names.push("fresh");
    if (features.some((feature) => feature.id === CM.state.report)) names.push("selected");
    const title = features.length > 1 ? CM.t("in_one_place", { n: CM.number(features.length) }) : CM.titleOf(newest);
    const icon = L.divIcon({ className: names.join(" "), html: html.childNodes.length > 1 ? html : html.firstChild, iconSize: [44, 44] });
    const marker = L.marker([lat, lon], { icon: icon, keyboard: false, title: title, riseOnHover: true, zIndexOffset: names.includes("selected") ? 1000 : 0 });
    marker.on("click", () => (features.length > 1 ? openPlace(features) : CM.select(newest, "map")));
    return marker;
  }

  function openPlace(features) {
    const [lon, lat] = features[0].geometry.coordinates;
    const popup = CM.popup([lat, lon], "");
    popup.setContent(placeList(features, features.length, popup));
  }

  /** A popup of ours: leaves room for what floats over the map. */
  CM.popup = function (at, content) {
    const narrow = CM.narrow();
    return L.popup({
      maxWidth: narrow ? 300 : 340, minWidth: 240, offset: [0, -8], className: "report-popup",
      autoPanPaddingTopLeft: narrow ? [12, 76] : [270, 76], autoPanPaddingBottomRight: narrow ? [12, 230] : [12, 40],
    }).setLatLng(at).setContent(content).openOn(CM.map);
  };

  function showPrecision(feature) {
    if (circle) circle.remove();
    circle = null;
    const metres = feature && feature.geometry && feature.properties.precision_m;
    if (!metres) return;
    const [lon, lat] = feature.geometry.coordinates;
    circle = L.circle([lat, lon], { radius: metres, className: "precision", interactive: false }).addTo(CM.map);
  }

  /** Whether a place lies outside the frame, near its edge, or under the layers card. */
  function hidden(at) {
    const frame = CM.$("#map").getBoundingClientRect();
    const point = CM.map.latLngToContainerPoint(at);
    if (point.x < 40 || point.y < 40 || point.x > frame.width - 40 || point.y > frame.height - 40) return true;
    const card = CM.$("#layers").getBoundingClientRect();
    const x = frame.left + point.x;
    const y = frame.top + point.y;
    return x > card.left - 24 && x < card.right + 24 && y > card.top - 24 && y < card.bottom + 24;
  }

  /** Choose a report: from "map" or "list" or "link". Opens its popup where it has a place. */
  CM.select = function (feature, from) {
    CM.state.choose(feature.id);
    showPrecision(feature);
    if (feature.geometry) {
      const [lon, lat] = feature.geometry.coordinates;
      const at = L.latLng(lat, lon);
      if (from === "link") CM.map.fitBounds(at.toBounds(Math.max(400, 2.4 * (feature.properties.precision_m || 0))), { maxZoom: 16, animate: false });
      else if (from === "list" && hidden(at)) CM.map.panTo(at, { animate: !CM.calm() });
      if (from !== "list" || CM.narrow()) CM.popup(at, CM.card(feature));
    }
    document.dispatchEvent(new CustomEvent("cm:select", { detail: { feature: feature, from: from } }));
  };

  function wanted() {
    const all = new Map();
    if (CM.data.mode === "cells") {
      CM.data.cells.forEach((feature) => {
        const p = feature.properties;
        const key = "c" + feature.geometry.coordinates.join();
        all.set(key, { signature: [p.n, p.need, p.offer, p.damage, p.information].join(), make: () => cellMarker(feature) });
      });
      return all;
    }
    const places = new Map();
    CM.data.points.forEach((feature) => {
      if (!feature.geometry) return;
      const key = feature.geometry.coordinates.join();
      if (!places.has(key)) places.set(key, []);
      places.get(key).push(feature);
    });
    places.forEach((features, key) => {
      const signature = features.map((f) => f.id + ":" + f.properties.seq + (fresh.has(f.id) ? "f" : "") + (f.id === CM.state.report ? "s" : "")).join();
      all.set("p" + key, { signature: signature, make: () => pointMarker(features) });
    });
    return all;
  }

  function draw() {
    const all = wanted();
    drawn.forEach((have, key) => {
      const want = all.get(key);
      if (want && want.signature === have.signature) return;
      have.marker.remove();
      drawn.delete(key);
    });
    all.forEach((want, key) => {
      if (drawn.has(key)) return;
      drawn.set(key, { marker: want.make().addTo(layer), signature: want.signature });
    });
    document.dispatchEvent(new CustomEvent("cm:drawn"));
  }
  const soon = CM.debounce(draw, 30);

  CM.layers = {
    start() {
      layer = L.layerGroup().addTo(CM.map);
      CM.data.on("loaded", draw);
      CM.data.on("change", (change) => {
        if (change.seen && !change.known && CM.data.mode === "points") {
          fresh.add(change.feature.id);
          setTimeout(() => { fresh.delete(change.feature.id); soon(); }, 6000);
        }
        soon();
      });
      CM.state.listen((what) => { if (what === "report") soon(); });
      CM.map.on("popupclose", () => setTimeout(() => {
        if (!CM.$(".report-popup") && CM.state.report && CM.narrow()) CM.layers.unselect();
      }, 0));
    },
    /** Where marks stand, in pixels of the map's frame, so that labels keep out of their way. */
    obstacles() {
      return Array.from(drawn.values(), ({ marker }) => {
        const at = CM.map.latLngToContainerPoint(marker.getLatLng());
        const half = Math.min(26, marker.options.icon.options.iconSize[0] / 2);
        return { x: at.x, y: at.y, w: half, h: half, mark: true };
      });
    },
    unselect() { showPrecision(null); CM.state.choose(""); },
    /** Whether a report is drawn as a mark right now (tests and the list ask). */
    shows: (id) => CM.data.mode === "points" && CM.data.points.has(id),
  };
})();

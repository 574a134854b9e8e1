/* The map beside the form: what the choice finds, the box, the circle. It reads the form's fields and writes into them. */
(function () {
  "use strict";
  const CM = window.CM;
  const place = CM.$("#feed-map");
  const form = CM.$("#feed-form");
  let found = null;
  let circle = null;
  let running = null;
  let query = null; // of the last answer; null: nothing to draw

  const turned = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;

  /** west,south,east,north; west > east across the 180th meridian, the whole world when it is as wide. */
  function asText(bounds) {
    const wide = bounds.getEast() - bounds.getWest() >= 360;
    const sides = [wide ? -180 : turned(bounds.getWest()), Math.max(-90, bounds.getSouth()), wide ? 180 : turned(bounds.getEast()), Math.min(90, bounds.getNorth())];
    return sides.map((degrees) => String(Number(degrees.toFixed(4)))).join(",");
  }

  /** The bounds that a text means, near the world copy in view; null for what is no box. */
  function asBounds(text) {
    const sides = text.split(",").map((part) => (part.trim() ? Number(part) : NaN));
    if (sides.length !== 4 || !sides.every(Number.isFinite)) return null;
    const [west, south, east, north] = sides;
    if (south > north || Math.abs(south) > 90 || Math.abs(north) > 90 || Math.abs(west) > 180 || Math.abs(east) > 180) return null;
    return L.latLngBounds([south, west], [north, east < west ? east + 360 : east]);
  }

  function write(name, text) {
    form.elements[name].value = text;
    form.elements[name].dispatchEvent(new Event("change", { bubbles: true }));
  }

  function fromFields() {
    const bounds = asBounds(form.elements.bbox.value);
    if (bounds) CM.box.show(bounds); else CM.box.hide();
    if (circle) circle.remove();
    circle = null;
    const [lon, lat] = form.elements.near.value.split(",").map(Number);
    const metres = Number(form.elements.radius.value);
    if (form.elements.near.value && Number.isFinite(lat) && Math.abs(lat) <= 90 && Number.isFinite(lon) && metres > 0 && metres <= 1e5) {
      circle = L.circle([lat, lon], { radius: metres, className: "feed-box", interactive: false }).addTo(CM.map);
    }
  }

  function draw(body) {
    found.clearLayers();
    body.features.forEach((feature) => {
      const [lon, lat] = feature.geometry.coordinates;
      const p = feature.properties;
      if (body.mode === "cells") {
        const size = Math.round(Math.min(46, 22 + 4 * Math.log2(p.n)));
        const icon = L.divIcon({ className: "feed-cell", html: CM.el("span", { text: CM.number(p.n) }), iconSize: [size, size] });
        L.marker([lat, lon], { icon: icon, keyboard: false, interactive: false }).addTo(found);
      } else {
        L.circleMarker([lat, lon], { radius: 5, className: "feed-point " + p.kind, interactive: false }).addTo(found);
      }
    });
  }

  /** What matches in view, the box apart: outside of it, it is what a larger box would find. */
  async function load() {
    if (running) running.abort();
    if (query === null) return found.clearLayers();
    running = new AbortController();
    const mine = running;
    const asked = new URLSearchParams(query);
    asked.set("bbox", asText(CM.map.getBounds()));
    asked.set("zoom", String(Math.round(CM.map.getZoom())));
    try {
      const body = await CM.ask("/map/cells.geojson?" + asked.toString(), { signal: mine.signal, anonymous: true });
      if (mine === running) draw(body);
    } catch (wrong) {
      if (wrong.name !== "AbortError") found.clearLayers(); // the count beside it holds; the map is only a picture
    }
  }

  CM.feedMap = {
    start() {
      CM.config = CM.json(CM.$("#feeds"), "config");
      place.hidden = false;
      CM.$$(".map-buttons").forEach((row) => { row.hidden = false; });
      CM.map = L.map(place, { zoomControl: false, minZoom: 1, maxZoom: 18, worldCopyJump: false, attributionControl: false, scrollWheelZoom: false, zoomAnimation: !CM.calm(), fadeAnimation: !CM.calm(), inertia: !CM.calm() });
      L.control.zoom({ zoomInTitle: CM.t("zoom_in"), zoomOutTitle: CM.t("zoom_out") }).addTo(CM.map);
      L.control.attribution({ prefix: false }).addTo(CM.map);
      const [west, south, east, north] = CM.config.area;
      const box = asBounds(form.elements.bbox.value);
      if (box) CM.map.fitBounds(box.pad(0.15), { animate: false });
      else CM.map.fitBounds([[south, west], [north, east]], { animate: false });
      found = L.layerGroup().addTo(CM.map);
      CM.basemap.start({ quiet: true });
      CM.overlays.start({ quiet: true });
      CM.box.listen((bounds) => write("bbox", asText(bounds)));
      fromFields();
      if (circle && !box) CM.map.fitBounds(circle.getBounds().pad(0.5), { animate: false });
      CM.map.on("moveend", CM.debounce(load, 150));
      place.addEventListener("focusin", () => CM.map.scrollWheelZoom.enable());
      place.addEventListener("pointerdown", () => CM.map.scrollWheelZoom.enable());
      CM.$$("[data-box]").forEach((button) => button.addEventListener("click", () => {
        if (button.dataset.box === "none") return write("bbox", "");
        const view = CM.map.getBounds();
        write("bbox", asText(button.dataset.box === "view" ? view : view.pad(-0.25)));
      }));
      CM.$("[data-near=middle]").addEventListener("click", () => {
        const centre = CM.map.getCenter().wrap();
        if (!form.elements.radius.value) form.elements.radius.value = "1000";
        write("near", centre.lng.toFixed(4) + "," + centre.lat.toFixed(4));
      });
    },
    fromFields: fromFields,
    /** Another answer: its filter without the box, as an object of parameters, or null. */
    show(given) {
      query = given && Object.assign({}, given);
      if (query) delete query.bbox;
      load();
    },
  };
})();

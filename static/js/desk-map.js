/* The desk's small map: the exact place, what the public sees instead, the square it was blurred to, possible twins.
   While the form to move a report is open, a click puts the place there. One map for all reports one goes through: only
   what is drawn on it changes. */
(function () {
  "use strict";
  const CM = window.CM;
  const spot = (kind, size) => L.divIcon({ className: "map-dot " + kind, iconSize: [size, size] });
  const at = (point) => [point[1], point[0]];
  let box = null;
  let marks = null;
  let own = null;

  function start() {
    box = CM.$("#small-map");
    if (!box || !window.L) { box = null; return; }
    const given = CM.json(box, "map");
    CM.config = { urls: given.urls, tiles: given.tiles, towns: given.towns };
    CM.map = L.map(box, { zoomControl: true, attributionControl: true, scrollWheelZoom: false, maxZoom: 19 });
    CM.map.attributionControl.setPrefix("");
    marks = L.layerGroup().addTo(CM.map);
    show();
    CM.basemap.start({ quiet: true });
    CM.overlays.start({ quiet: true });
    CM.map.on("click", place);
  }

  function ownMark(point) {
    own = L.marker(point, { icon: spot("exact", 16), title: CM.t("exact"), keyboard: false, zIndexOffset: 500 }).addTo(marks);
  }

  function show() {
    const given = CM.json(box, "map");
    const seen = [];
    marks.clearLayers();
    own = null;
    if (given.tile) {
      const [west, south, east, north] = given.tile;
      L.rectangle([[south, west], [north, east]], { className: "map-area", weight: 1.5, fillOpacity: 0.08, interactive: false }).addTo(marks);
      seen.push([south, west], [north, east]);
    }
    given.twins.forEach((twin) => {
      L.marker([twin.lat, twin.lon], { icon: spot("twin", 14), title: twin.title, keyboard: false }).addTo(marks);
      if (!given.exact || CM.map.distance([twin.lat, twin.lon], at(given.exact)) < 3000) seen.push([twin.lat, twin.lon]);
    });
    if (given.public) L.marker(at(given.public), { icon: spot("public", 18), title: CM.t("public_point"), keyboard: false }).addTo(marks);
    if (given.exact) {
      const accuracy = given.exact[2];
      if (accuracy) L.circle(at(given.exact), { radius: accuracy, className: "map-precision", weight: 1, fillOpacity: 0.08, interactive: false }).addTo(marks);
      ownMark(at(given.exact));
      seen.push(at(given.exact));
    }
    CM.map.invalidateSize();
    if (seen.length > 1) CM.map.fitBounds(seen, { padding: [24, 24], maxZoom: 17, animate: false });
    else if (seen.length) CM.map.setView(seen[0], 15, { animate: false });
    else if (given.area) CM.map.fitBounds([[given.area[1], given.area[0]], [given.area[3], given.area[2]]], { animate: false });
    else CM.map.setView([0, 0], 1);
  }

  function place(event) {
    const lat = CM.$("#lat");
    if (!lat || !box.classList.contains("placing")) return;
    const point = event.latlng.wrap();
    lat.value = point.lat.toFixed(6);
    CM.$("#lon").value = point.lng.toFixed(6);
    CM.$("#unplaced").checked = false;
    if (own) own.setLatLng(point);
    else ownMark(point);
    CM.toast(CM.t("moved_here"));
  }

  let home = null; // stands in the map's place while that is in the form
  /** Whether a click puts the report there. Where the map would lie out of sight of the form *seen*, it comes into it. */
  CM.placing = function (on, seen) {
    if (!box) return;
    box.classList.toggle("placing", on);
    const slot = seen && !home && CM.$("#move-map");
    if (slot && (CM.narrow() || !box.getClientRects().length)) {
      home = CM.el("div", { class: "small-map-home" });
      box.replaceWith(home);
      slot.append(box);
    } else if (!seen && home) {
      home.replaceWith(box);
      home = null;
    } else return;
    if (CM.map) CM.map.invalidateSize();
  };

  /** Show the report that the page shows now; `fresh` holds its new side column, whose box the living map takes over. */
  CM.deskMap = function (fresh) {
    const empty = CM.$("#small-map", fresh);
    if (!empty || !box) return; // the first report after an empty desk: its map begins when it stands on the page
    box.dataset.map = empty.dataset.map;
    empty.replaceWith(box);
    home = null;
  };
  CM.showDeskMap = function () {
    if (!box) start();
    else if (box.isConnected) show();
  };

  if (CM.$("#desk")) {
    CM.learn(CM.$("#desk"));
    start();
    window.addEventListener("hashchange", () => { if (box && box.isConnected) show(); }); // it may have been hidden until now
  }
})();

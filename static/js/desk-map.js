/* The desk's small map: the exact place, what the public sees instead, the square it was blurred to, possible twins.
   While the form to move a report is open, a click puts the place there. */
(function () {
  "use strict";
  const CM = window.CM;
  const box = CM.$("#small-map");
  if (!box || !window.L) return;
  CM.learn(CM.$("#desk"));
  const given = CM.json(box, "map");
  CM.config = { urls: given.urls, tiles: given.tiles };

  const map = (CM.map = L.map(box, { zoomControl: true, attributionControl: true, scrollWheelZoom: false, maxZoom: 19 }));
  map.attributionControl.setPrefix("");
  CM.basemap.start();

  const spot = (kind, size) => L.divIcon({ className: "map-dot " + kind, iconSize: [size, size] });
  const at = (point) => [point[1], point[0]];
  const seen = [];

  if (given.tile) {
    const [west, south, east, north] = given.tile;
    L.rectangle([[south, west], [north, east]], { className: "map-area", weight: 1.5, fillOpacity: 0.08, interactive: false }).addTo(map);
    seen.push([south, west], [north, east]);
  }
  given.twins.forEach((twin) => {
    L.marker([twin.lat, twin.lon], { icon: spot("twin", 14), title: twin.title, keyboard: false }).addTo(map);
    if (!given.exact || map.distance([twin.lat, twin.lon], at(given.exact)) < 3000) seen.push([twin.lat, twin.lon]);
  });
  if (given.public) L.marker(at(given.public), { icon: spot("public", 18), title: CM.t("public_point"), keyboard: false }).addTo(map);
  let own = null;
  if (given.exact) {
    const accuracy = given.exact[2];
    if (accuracy) L.circle(at(given.exact), { radius: accuracy, className: "map-precision", weight: 1, fillOpacity: 0.08, interactive: false }).addTo(map);
    own = L.marker(at(given.exact), { icon: spot("exact", 16), title: CM.t("exact"), keyboard: false, zIndexOffset: 500 }).addTo(map);
    seen.push(at(given.exact));
  }
  if (seen.length > 1) map.fitBounds(seen, { padding: [24, 24], maxZoom: 17 });
  else if (seen.length) map.setView(seen[0], 15);
  else if (given.area) map.fitBounds([[given.area[1], given.area[0]], [given.area[3], given.area[2]]]);
  else map.setView([0, 0], 1);

  const lat = CM.$("#lat");
  const lon = CM.$("#lon");
  CM.placing = function (on) { box.classList.toggle("placing", on); };
  map.on("click", (event) => {
    if (!lat || !box.classList.contains("placing")) return;
    const point = event.latlng.wrap();
    lat.value = point.lat.toFixed(6);
    lon.value = point.lng.toFixed(6);
    CM.$("#unplaced").checked = false;
    if (!own) own = L.marker(point, { icon: spot("exact", 16), keyboard: false, zIndexOffset: 500 }).addTo(map);
    own.setLatLng(point);
    CM.toast(CM.t("moved_here"));
  });
})();

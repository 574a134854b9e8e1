/* The map of a group: every point with its number, and the circle of its precision for the reports in view. */
(function () {
  "use strict";
  const CM = window.CM;
  const box = CM.$("#twins-map");
  if (!box || !window.L) return;
  CM.learn(CM.$("#twins"));
  const given = CM.json(box, "map");
  CM.config = { urls: given.urls, tiles: given.tiles, towns: given.towns };
  CM.map = L.map(box, { zoomControl: true, attributionControl: true, scrollWheelZoom: false, maxZoom: 19 });
  CM.map.attributionControl.setPrefix("");
  const bounds = L.latLngBounds([]);

  given.points.forEach((point) => {
    const at = [point.lat, point.lon];
    if (point.shown && point.precision) {
      L.circle(at, { radius: point.precision, className: "map-precision circle-" + point.n, weight: 1.5, fillOpacity: 0.08, interactive: false }).addTo(CM.map);
      bounds.extend(L.latLng(at).toBounds(2 * point.precision)); // a circle knows its own only once the map has a view
    }
    if (point.shown) bounds.extend(at);
  });
  if (bounds.isValid()) CM.map.fitBounds(bounds, { padding: [28, 28], maxZoom: 17, animate: false });
  else if (given.area) CM.map.fitBounds([[given.area[1], given.area[0]], [given.area[3], given.area[2]]], { animate: false });
  else CM.map.setView([0, 0], 1);
  // the first lies on top; where several lie on one spot, the others stand beside it, so that each number is read
  const places = [];
  given.points.filter((point) => point.shown).forEach((point) => {
    const spot = CM.map.latLngToLayerPoint([point.lat, point.lon]);
    const beside = places.filter((other) => other.distanceTo(spot) < 20).length;
    places.push(spot);
    put(point, L.divIcon({ className: "map-number shown", iconSize: [24, 24], iconAnchor: [12 - 22 * beside, 12], html: String(Number(point.n)) }), 900 - point.n);
  });
  given.points.filter((point) => !point.shown).forEach((point) => put(point, L.divIcon({ className: "map-number", iconSize: [12, 12] }), 0));

  function put(point, icon, above) {
    L.marker([point.lat, point.lon], { icon: icon, title: point.n + ": " + point.title, keyboard: false, zIndexOffset: above }).addTo(CM.map);
  }
  CM.basemap.start({ quiet: true });
  CM.overlays.start({ quiet: true });
})();

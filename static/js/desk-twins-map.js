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
      const circle = L.circle(at, { radius: point.precision, className: "map-precision circle-" + point.n, weight: 1.5, fillOpacity: 0.08, interactive: false }).addTo(CM.map);
      bounds.extend(circle.getBounds());
    }
    if (point.shown) bounds.extend(at);
  });
  // the first lies on top, and of two on one point both numbers are read
  const taken = {};
  given.points.slice().reverse().forEach((point) => {
    const key = point.lat.toFixed(5) + "," + point.lon.toFixed(5);
    const beside = (taken[key] = (taken[key] || 0) + 1) - 1;
    const icon = L.divIcon({
      className: "map-number" + (point.shown ? " shown" : ""), iconSize: point.shown ? [24, 24] : [12, 12],
      iconAnchor: point.shown ? [12 - 20 * Math.min(beside, 3), 12] : [6, 6],
      html: point.shown ? String(Number(point.n)) : "",
    });
    L.marker([point.lat, point.lon], { icon: icon, title: point.n + ": " + point.title, keyboard: false, zIndexOffset: point.shown ? 500 : 0 }).addTo(CM.map);
  });

  if (bounds.isValid()) CM.map.fitBounds(bounds, { padding: [28, 28], maxZoom: 17, animate: false });
  else if (given.area) CM.map.fitBounds([[given.area[1], given.area[0]], [given.area[3], given.area[2]]], { animate: false });
  else CM.map.setView([0, 0], 1);
  CM.basemap.start({ quiet: true });
  CM.overlays.start({ quiet: true });
})();

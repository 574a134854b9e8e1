/* The small map of one report: its mark, and the circle of how well the place is known. */
(function () {
  "use strict";
  const CM = window.CM;
  const box = CM.$("#small-map");
  CM.config = CM.json(box, "config");
  CM.learn(box);
  const feature = CM.json(box, "feature");
  const [lon, lat] = feature.geometry.coordinates;
  CM.map = L.map(box, { attributionControl: false, scrollWheelZoom: false, zoomAnimation: !CM.calm(), fadeAnimation: !CM.calm(), zoomControl: true, minZoom: 3, maxZoom: 18 });
  CM.map.setView([lat, lon], Number(box.dataset.zoom));
  L.control.attribution({ prefix: false }).addTo(CM.map);
  L.control.scale({ imperial: false }).addTo(CM.map);
  CM.basemap.start({ quiet: true });
  CM.overlays.start({ quiet: true });
  const metres = feature.properties.precision_m;
  if (metres) L.circle([lat, lon], { radius: metres, className: "precision", interactive: false }).addTo(CM.map);
  L.marker([lat, lon], { icon: L.divIcon({ className: "map-mark", html: CM.markOf(feature), iconSize: [44, 44] }), keyboard: false, interactive: false }).addTo(CM.map);
})();

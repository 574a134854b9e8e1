/* The form's map: it is moved under a fixed cross, which thumbs do better than dragging a pin. */
(function () {
  "use strict";
  const CM = window.CM;
  const form = CM.$("#report-form");
  CM.config = CM.json(form, "map");

  /** Metres that ten pixels are: nobody points more exactly than that. */
  const reach = () => (10 * 156543.03 * Math.cos((CM.map.getCenter().lat * Math.PI) / 180)) / Math.pow(2, CM.map.getZoom());

  function start() {
    const box = CM.$("#pick-map");
    CM.map = L.map(box, { minZoom: 2, maxZoom: 18, worldCopyJump: true, attributionControl: false, zoomAnimation: !CM.calm(), fadeAnimation: !CM.calm(), inertia: !CM.calm() });
    L.control.attribution({ prefix: false }).addTo(CM.map);
    const lat = parseFloat(form.elements.lat.value);
    const lon = parseFloat(form.elements.lon.value);
    const area = CM.config.area;
    if (Number.isFinite(lat) && Number.isFinite(lon)) CM.map.setView([lat, lon], 15, { animate: false });
    else if (area) CM.map.fitBounds([[area[1], area[0]], [area[3], area[2]]], { animate: false });
    else CM.map.setView([15, 0], 2, { animate: false });
    CM.basemap.start({ quiet: true });
    CM.overlays.start({ quiet: true });
    let byHand = false;
    box.addEventListener("pointerdown", () => { byHand = true; });
    box.addEventListener("wheel", () => { byHand = true; }, { passive: true });
    box.addEventListener("keydown", () => { byHand = true; });
    CM.map.on("click", (event) => { byHand = true; CM.map.panTo(event.latlng); });
    CM.map.on("moveend", () => {
      if (!byHand) return;
      const centre = CM.map.getCenter().wrap();
      CM.setPoint(form, centre.lat, centre.lng, reach(), "pin");
    });
  }

  CM.pick = {
    start: start,
    goTo(lat, lon) { if (CM.map) CM.map.setView([lat, lon], Math.max(16, CM.map.getZoom()), { animate: false }); },
  };
})();

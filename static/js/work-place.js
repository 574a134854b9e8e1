/* The map of "place": tap where it is, or choose a name of the list; a circle says how far off it can be. */
(function () {
  "use strict";
  const CM = window.CM;
  const box = CM.$("#work-map");
  const form = CM.$("#answer-form");
  if (!box || !form || !window.L) return;
  const given = CM.json(box, "map");
  const search = CM.$("#search-form");
  const found = CM.$("#found");
  const range = CM.$("#circle-range");
  const fields = form.elements;
  const LEAST = 10;
  const MOST = 100000;
  let pin = null;
  let circle = null;
  let told = 0;  // metres: how far the name of the chosen place reaches, until somebody says otherwise; the slider ends below a department

  const say = (text) => { CM.$("#map-says").textContent = text; };
  /** The slider's 0 to 100 are 10 m to 10 km, each step the same share more. */
  const metres = () => told || LEAST * Math.pow(1000, Number(range.value) / 100);
  const onRange = (length) => String(Math.max(0, Math.min(100, Math.round((100 * Math.log(length / LEAST)) / Math.log(1000)))));

  function draw() {
    const length = metres();
    fields.accuracy_m.value = String(Math.round(length));
    CM.$("#circle-says").textContent = CM.t("circle", { length: CM.metres(length) });
    if (circle) circle.setRadius(length);
  }

  function put(lat, lon, radius) {
    fields.lat.value = lat.toFixed(6);
    fields.lon.value = lon.toFixed(6);
    CM.$("#circle").hidden = false;
    told = Math.min(MOST, radius || 0);
    if (radius) range.value = onRange(radius);
    if (!pin) {
      circle = L.circle([lat, lon], { radius: metres(), className: "map-precision", weight: 1.5, fillOpacity: 0.12, interactive: false }).addTo(CM.map);
      pin = L.marker([lat, lon], { icon: L.divIcon({ className: "map-dot", iconSize: [18, 18] }), keyboard: false, draggable: true }).addTo(CM.map);
      pin.on("dragend", () => { const at = pin.getLatLng().wrap(); put(at.lat, at.lng); });
    }
    pin.setLatLng([lat, lon]);
    circle.setLatLng([lat, lon]);
    draw();
  }

  function byNumbers() {
    const lat = parseFloat(fields.lat.value);
    const lon = parseFloat(fields.lon.value);
    if (!(Math.abs(lat) <= 90 && Math.abs(lon) <= 180)) return;
    put(lat, lon);
    CM.map.setView([lat, lon], Math.max(14, CM.map.getZoom()), { animate: false });
    say(CM.t("put_there"));
  }

  function choose(input) {
    const lat = Number(input.dataset.lat);
    const lon = Number(input.dataset.lon);
    put(lat, lon, Number(input.dataset.radius));
    CM.map.fitBounds(circle.getBounds(), { maxZoom: 16, animate: false });
    box.scrollIntoView({ block: "nearest" });
    say(CM.t("chosen", { name: input.parentNode.textContent.trim() }));
  }

  function list(places) {
    found.replaceChildren(...places.map((one) => CM.el("label", { class: "choice" }, [
      CM.el("input", { type: "radio", name: "gazetteer", value: one.code, data: { lon: one.lon, lat: one.lat, radius: one.radius_m } }),
      CM.el("span", {}, [CM.el("bdi", { text: one.name }), " ", CM.el("span", { class: "small muted", text: one.kind })]),
    ])));
    say(places.length ? "" : CM.t("none_found"));
  }

  box.hidden = false;
  CM.config = { urls: given.urls, tiles: given.tiles, towns: given.towns };
  CM.map = L.map(box, { minZoom: 2, maxZoom: 19, zoomAnimation: !CM.calm(), fadeAnimation: !CM.calm() });
  CM.map.attributionControl.setPrefix("");
  if (given.area) CM.map.fitBounds([[given.area[1], given.area[0]], [given.area[3], given.area[2]]], { animate: false });
  else CM.map.setView([15, 0], 2, { animate: false });
  CM.basemap.start({ quiet: true });
  CM.overlays.start({ quiet: true });
  CM.map.on("click", (event) => {
    const at = event.latlng.wrap();
    put(at.lat, at.lng);
    say(CM.t("put_here"));
  });
  range.addEventListener("input", () => { told = 0; draw(); });
  for (const field of [fields.lat, fields.lon]) field.addEventListener("change", byNumbers);
  found.addEventListener("change", (event) => choose(event.target));
  search.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      list((await CM.ask(given.search + "?q=" + encodeURIComponent(search.elements.places.value))).places);
    } catch (wrong) {
      say(wrong.message);
    }
  });
  const lat = parseFloat(fields.lat.value);
  const lon = parseFloat(fields.lon.value);
  if (Number.isFinite(lat) && Number.isFinite(lon)) {
    put(lat, lon, parseFloat(fields.accuracy_m.value) || 0);
    CM.map.setView([lat, lon], 14, { animate: false });
  }
  const chosen = CM.$("input:checked", found);
  if (chosen && !fields.lat.value) choose(chosen);
})();

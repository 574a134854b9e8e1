/* The map's page: puts the parts together. Order matters: the map, what is drawn on it, then the first question. */
(function () {
  "use strict";
  const CM = window.CM;
  const page = CM.$("#map-page");
  CM.config = CM.json(page, "config");
  CM.learn(page);

  const [west, south, east, north] = CM.config.area;
  const area = [[south, west], [north, east]];
  // what floats over the map must not cover the crisis
  const room = () => (CM.narrow() ? { paddingTopLeft: [8, 64], paddingBottomRight: [8, 150] } : { paddingTopLeft: document.documentElement.dir === "rtl" ? [10, 10] : [264, 10], paddingBottomRight: document.documentElement.dir === "rtl" ? [264, 10] : [10, 10] });
  CM.home = () => CM.map.fitBounds(area, Object.assign(room(), { animate: !CM.calm() }));

  CM.map = L.map("map", {
    zoomControl: false, minZoom: 2, maxZoom: 18, worldCopyJump: true, attributionControl: false,
    zoomAnimation: !CM.calm(), fadeAnimation: !CM.calm(), markerZoomAnimation: !CM.calm(), inertia: !CM.calm(),
    maxBounds: [[-88, -100000], [88, 100000]], tapHold: true,
  });
  L.control.attribution({ prefix: false, position: "bottomright" }).addTo(CM.map)
    .addAttribution(CM.el("a", { href: "/about#feeds", text: CM.t("data", { license: page.dataset.license }) }).outerHTML);

  function place() {
    const view = CM.state.view;
    if (view) CM.map.setView([view.lat, view.lon], view.zoom, { animate: false });
    else CM.map.fitBounds(area, Object.assign(room(), { animate: false }));
  }
  place();

  CM.basemap.start();
  CM.overlays.start();
  CM.layers.start();
  CM.list.start();
  CM.facets.start();
  CM.live.start();
  CM.sheet.start();
  CM.search.start();
  CM.tools.start();

  const moved = CM.debounce(() => {
    const centre = CM.map.getCenter().wrap();
    CM.state.moved({ zoom: CM.map.getZoom(), lat: centre.lat, lon: centre.lng });
    CM.data.load("view");
  }, 120);
  CM.map.on("moveend", moved);

  CM.state.listen((what) => {
    if (what === "report") return;
    if (what === "travel") {
      moved.cancel();
      place();
      moved.cancel();
      if (CM.state.report) chooseLinked(); else CM.map.closePopup();
    }
    CM.data.load("filter");
  });

  /** A link named a report: show it although it may not be among what is loaded. */
  async function chooseLinked() {
    const id = CM.state.report;
    const feature = CM.data.points.get(id) || await CM.ask(CM.config.urls.report + encodeURIComponent(id), { anonymous: true }).catch((wrong) => { CM.note(wrong.message); return null; });
    if (feature && CM.state.report === id) CM.select(feature, "link");
  }

  let spoken = "";
  const speak = CM.debounce(() => {
    const text = CM.t("in_view", { n: CM.number(CM.data.matched) });
    if (text !== spoken) CM.$("#spoken").textContent = spoken = text;
  }, 1200);
  CM.data.on("loaded", (reason) => { if (reason !== "live") speak(); });

  // The first visit shows the whole area and keeps the address short until the reader moves.
  CM.data.load("start").then(() => { if (CM.state.report) chooseLinked(); });
})();

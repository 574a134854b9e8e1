/* What one can do at a place: find oneself, report here, copy a link; and the addresses of this view. */
(function () {
  "use strict";
  const CM = window.CM;
  let here = null;
  let noteTimer = 0;

  /** A line over the map for what is good to know and needs no answer. */
  CM.note = function (text, bad) {
    const note = CM.$("#map-note");
    note.textContent = text;
    note.classList.toggle("bad", Boolean(bad));
    note.hidden = !text;
    clearTimeout(noteTimer);
    if (text) noteTimer = setTimeout(() => { note.hidden = true; }, 6000);
  };

  function locate() {
    if (!navigator.geolocation || !window.isSecureContext) return CM.note(CM.t("locate_insecure"));
    CM.note(CM.t("locating"));
    navigator.geolocation.getCurrentPosition((found) => {
      CM.note("");
      const at = [found.coords.latitude, found.coords.longitude];
      if (here) here.forEach((item) => item.remove());
      here = [
        L.circle(at, { radius: found.coords.accuracy, className: "precision", interactive: false }).addTo(CM.map),
        L.marker(at, { icon: L.divIcon({ className: "here-dot", iconSize: [18, 18] }), keyboard: false, title: CM.t("you_are_here") }).addTo(CM.map),
      ];
      CM.map.setView(at, Math.max(15, CM.map.getZoom()), { animate: !CM.calm() });
    }, (wrong) => CM.note(CM.t(wrong.code === 1 ? "locate_denied" : "locate_failed"), true), { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
  }

  const LocateControl = L.Control.extend({
    options: { position: "bottomright" },
    onAdd() {
      const button = CM.el("a", { href: "#", role: "button", title: CM.t("locate"), "aria-label": CM.t("locate") }, CM.icon("locate-fixed"));
      L.DomEvent.on(button, "click", (event) => { L.DomEvent.stop(event); locate(); });
      return CM.el("div", { class: "leaflet-bar" }, button);
    },
  });

  /** Long press or right click: a small menu of what can be done at that place. */
  function menu(event) {
    const at = event.latlng.wrap();
    const lat = at.lat.toFixed(5);
    const lon = at.lng.toFixed(5);
    const link = location.origin + location.pathname + "#map=" + Math.max(15, CM.map.getZoom()) + "/" + lat + "/" + lon;
    const popup = CM.popup(event.latlng, "");
    popup.setContent(CM.el("div", { class: "popup-menu", dir: document.documentElement.dir }, [
      CM.el("a", { href: "/report?lat=" + lat + "&lon=" + lon }, [CM.icon("plus"), CM.t("report_here")]),
      CM.el("button", { type: "button", on: { click: () => { CM.copy(link); popup.close(); } } }, [CM.icon("link"), CM.t("copy_place")]),
      CM.el("span", { class: "coords", dir: "ltr" }, [CM.icon("map-pin"), lat + ", " + lon]),
    ]));
  }

  /** The addresses under "Use this view". */
  function addresses() {
    const kinds = CM.state.filter.kind;
    const plural = { need: "needs", offer: "offers", damage: "damage", information: "information" };
    const one = kinds.length === 1 && plural[kinds[0]];
    const query = new URLSearchParams(CM.state.query({ bbox: CM.data.bbox() }));
    if (one) query.delete("kind");
    CM.$("#view-link").value = location.href;
    const plain = query.toString().replace(/%2C/g, ",");
    CM.$("#view-feed").value = location.origin + "/feeds/" + (one || "all") + ".geojson?" + plain;
    CM.$("#view-build").href = "/feeds?" + (one ? "layer=" + one + "&" : "") + plain;
  }

  CM.tools = {
    start() {
      L.control.scale({ imperial: false, position: "bottomleft" }).addTo(CM.map);
      new LocateControl().addTo(CM.map);
      L.control.zoom({ position: "bottomright", zoomInTitle: CM.t("zoom_in"), zoomOutTitle: CM.t("zoom_out") }).addTo(CM.map);
      CM.map.on("contextmenu", menu);
      const view = CM.$("#use-view");
      view.addEventListener("toggle", () => { if (view.open) { addresses(); view.scrollIntoView({ block: "nearest" }); } });
      CM.data.on("loaded", () => { if (view.open) addresses(); });
      document.addEventListener("keydown", (event) => {
        if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); CM.$("#search-words").focus(); }
      });
    },
  };
})();

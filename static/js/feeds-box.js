/* A box on the map that can be moved and made larger: by its corners and its middle, with a finger, a mouse or arrow keys. */
(function () {
  "use strict";
  const CM = window.CM;
  const STEP = 16; // pixels an arrow key moves; with Shift a quarter of it
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  let shape = null;
  let handles = [];
  let told = () => {};

  const corners = (b) => [b.getSouthWest(), b.getNorthWest(), b.getNorthEast(), b.getSouthEast()];
  const clamp = (at) => L.latLng(Math.max(-90, Math.min(90, at.lat)), at.lng);

  function redraw(bounds) {
    shape.setBounds(bounds);
    corners(bounds).forEach((at, n) => handles[n].setLatLng(at));
    handles[4].setLatLng(bounds.getCenter());
  }

  /** A corner moved: the one across stays. */
  function stretch(n) {
    return (at) => redraw(L.latLngBounds([clamp(at), handles[(n + 2) % 4].getLatLng()]));
  }

  function shift(at) {
    const old = shape.getBounds().getCenter();
    const moved = corners(shape.getBounds()).map((corner) => clamp(L.latLng(corner.lat + at.lat - old.lat, corner.lng + at.lng - old.lng)));
    redraw(L.latLngBounds(moved[0], moved[2]));
  }

  function handle(at, words, move, kind) {
    const marker = L.marker(at, { draggable: true, autoPan: true, keyboard: true, zIndexOffset: 1000, title: words, alt: words, icon: L.divIcon({ className: "box-handle " + kind, iconSize: [28, 28] }) });
    marker.on("drag", () => move(marker.getLatLng()));
    marker.on("dragend", () => told(shape.getBounds()));
    marker.on("keydown", ({ originalEvent: event }) => {
      const way = ARROWS[event.key];
      if (!way) return;
      event.preventDefault();
      event.stopPropagation();
      const far = event.shiftKey ? STEP / 4 : STEP;
      const here = CM.map.latLngToContainerPoint(marker.getLatLng());
      move(CM.map.containerPointToLatLng(here.add([way[0] * far, way[1] * far])));
      told(shape.getBounds());
    });
    marker.addTo(CM.map);
    const node = marker.getElement();
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", words);
    return marker;
  }

  CM.box = {
    /** changed(bounds) runs when somebody has moved the box. */
    listen(changed) { told = changed; },
    show(bounds) {
      if (shape) return redraw(bounds);
      shape = L.rectangle(bounds, { className: "feed-box", interactive: false }).addTo(CM.map);
      handles = corners(bounds).map((at, n) => handle(at, CM.t("box_corner"), (to) => stretch(n)(to), n % 2 ? "falling" : "rising"));
      handles.push(handle(bounds.getCenter(), CM.t("box_middle"), shift, "middle"));
    },
    hide() {
      if (!shape) return;
      [shape, ...handles].forEach((item) => item.remove());
      shape = null;
      handles = [];
    },
    get bounds() { return shape && shape.getBounds(); },
  };
})();

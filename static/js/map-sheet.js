/* The sheet of a narrow screen: peek (counts and layers), half (list), full (filters). Drag, tap or arrow keys. */
(function () {
  "use strict";
  const CM = window.CM;
  const STOPS = ["peek", "half", "full"];
  let sheet = null;

  function go(stop) {
    sheet.dataset.stop = stop;
    sheet.style.height = "";
    const full = stop === "full";
    const button = CM.$("#to-filters");
    CM.$(".word", button).textContent = CM.t(full ? "show_list" : "filters");
    CM.$("use", button).setAttribute("href", document.body.dataset.sprite + (full ? "#list" : "#sliders-horizontal"));
  }

  function drag(handle) {
    let from = null;
    handle.addEventListener("pointerdown", (event) => {
      from = { y: event.clientY, height: sheet.offsetHeight, moved: false };
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (!from) return;
      const by = from.y - event.clientY;
      if (Math.abs(by) > 6) from.moved = true;
      if (!from.moved) return;
      sheet.classList.add("dragging");
      const height = from.height + by;
      sheet.style.height = height + "px";
      const whole = CM.$("#map-page").clientHeight;
      sheet.dataset.stop = height < whole * 0.32 ? "peek" : height < whole * 0.72 ? "half" : "full";
    });
    const end = () => {
      if (!from) return;
      const moved = from.moved;
      from = null;
      sheet.classList.remove("dragging");
      go(moved ? sheet.dataset.stop : STOPS[(STOPS.indexOf(sheet.dataset.stop) + 1) % STOPS.length]);
    };
    handle.addEventListener("pointerup", end);
    handle.addEventListener("pointercancel", () => { from = null; sheet.classList.remove("dragging"); go(sheet.dataset.stop); });
    // Enter and Space come as a click without a pointer.
    handle.addEventListener("click", (event) => { if (event.detail === 0) go(STOPS[(STOPS.indexOf(sheet.dataset.stop) + 1) % STOPS.length]); });
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      go(STOPS[Math.max(0, Math.min(2, STOPS.indexOf(sheet.dataset.stop) + step))]);
    });
  }

  CM.sheet = {
    go: go,
    start() {
      sheet = CM.$("#sheet");
      drag(CM.$("#sheet-handle"));
      CM.$("#to-filters").addEventListener("click", () => go(sheet.dataset.stop === "full" ? "half" : "full"));
      CM.$("#in-view").addEventListener("click", () => { if (CM.narrow() && sheet.dataset.stop === "peek") go("half"); });
      // A place to look at matters more than the list: reading the map lowers the sheet.
      CM.map.on("dragstart", () => { if (CM.narrow() && sheet.dataset.stop !== "peek") go("peek"); });
    },
  };
})();

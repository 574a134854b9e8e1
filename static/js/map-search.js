/* The search box: words filter the reports, names of places fly there. A combobox as WAI-ARIA describes it. */
(function () {
  "use strict";
  const CM = window.CM;
  let input = null;
  let box = null;
  let found = [];   // {text, what, icon, run}
  let at = -1;
  let asked = 0;

  function close() {
    box.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function mark(next) {
    at = next;
    CM.$$("li", box).forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
    if (at >= 0) input.setAttribute("aria-activedescendant", "found-" + at);
    else input.removeAttribute("aria-activedescendant");
  }

  function show() {
    box.replaceChildren(...found.map((one, n) => CM.el("li", { id: "found-" + n, role: "option", "aria-selected": "false", on: { pointerdown: (event) => { event.preventDefault(); take(one); } } }, [
      CM.icon(one.icon), CM.el("bdi", { text: one.text }), CM.el("span", { class: "what", text: one.what }),
    ])));
    box.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    at = -1;
  }

  function take(one) {
    ask.cancel();
    asked += 1; // an answer on its way opens nothing any more
    one.run();
    close();
  }

  const words = () => ({ text: input.value.trim(), what: CM.t("in_reports"), icon: "search", run: () => CM.state.set({ q: input.value.trim() }) });

  const ask = CM.debounce(async () => {
    const text = input.value.trim();
    const mine = (asked += 1);
    if (!text) { found = []; return show(); }
    found = [words()];
    show();
    const places = await CM.ask(CM.config.urls.places + "?q=" + encodeURIComponent(text)).catch(() => []); // words can still be searched for
    if (mine !== asked || document.activeElement !== input) return;
    found = [words(), ...places.slice(0, 7).map((place) => ({
      text: place.name, what: place.kind || CM.t("place"), icon: "map-pin",
      run: () => { input.value = CM.state.filter.q; fly(place); },
    }))];
    show();
  }, 160);

  function fly(place) {
    if (place.bbox) CM.map.fitBounds([[place.bbox[1], place.bbox[0]], [place.bbox[3], place.bbox[2]]], { maxZoom: 16, animate: !CM.calm() });
    else CM.map.setView([place.lat, place.lon], Math.max(14, CM.map.getZoom()), { animate: !CM.calm() });
    if (CM.narrow()) input.blur();
  }

  CM.search = {
    start() {
      input = CM.$("#search-words");
      box = CM.$("#search-found");
      input.value = CM.state.filter.q;
      CM.state.listen((what) => { if (what !== "report") input.value = CM.state.filter.q; });
      input.addEventListener("input", () => { if (!input.value && CM.state.filter.q) CM.state.set({ q: "" }); ask(); });
      input.addEventListener("blur", close);
      input.addEventListener("keydown", (event) => {
        if (event.key === "Escape") { close(); return; }
        if (!found.length || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
        event.preventDefault();
        box.hidden = false;
        mark((at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length);
      });
      CM.$("#search").addEventListener("submit", (event) => {
        event.preventDefault();
        take(at >= 0 ? found[at] : words());
      });
    },
  };
})();

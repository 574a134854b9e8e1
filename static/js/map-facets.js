/* The layers card: what is on, how many there are of each, and the days with a brush. */
(function () {
  "use strict";
  const CM = window.CM;
  const DAY = 86400000;
  const MOST_BARS = 48;
  let days = [];       // every day from first to last: [iso, n]
  let running = null;
  let timer = 0;
  let brush = null;    // {from, until} inputs

  const iso = (time) => new Date(time).toISOString().slice(0, 10);
  const next = (day) => iso(Date.parse(day) + DAY);

  /* ---- boxes */

  function tick() {
    const filter = CM.state.filter;
    CM.$$("#layers input[name=kind]").forEach((box) => { box.checked = filter.kind.length ? filter.kind.includes(box.value) : true; });
    ["category", "verification", "status"].forEach((name) => {
      CM.$$("#layers input[name=" + name + "]").forEach((box) => { box.checked = filter[name].includes(box.value); });
      const n = filter[name].length;
      CM.$('[data-facet-group="' + name + '"] .chosen-n').textContent = n ? CM.number(n) : "";
    });
  }

  function changed(event) {
    const box = event.target;
    if (!box.name || box.type !== "checkbox") return;
    const on = CM.$$("#layers input[name=" + box.name + "]:checked").map((one) => one.value);
    if (box.name === "kind") CM.state.set({ kind: on.length === CM.KINDS.length ? [] : on.length ? on : ["none"] });
    else if (box.name === "status") CM.state.set({ status: on.length === 1 && on[0] === "published" ? [] : on });
    else CM.state.set({ [box.name]: on });
  }

  /* ---- counts */

  function fill(body) {
    CM.$$("#layers output[data-facet]").forEach((cell) => {
      const n = (body[cell.dataset.facet] || {})[cell.dataset.value] || 0;
      cell.textContent = CM.number(n);
      const row = cell.closest(".facet-row");
      if (row) {
        row.classList.toggle("none", n === 0);
        if (cell.dataset.facet === "category") row.hidden = n === 0 && !CM.$("input", row).checked;
      }
    });
    spread(body.day || []);
    drawDays();
  }

  async function load() {
    clearTimeout(timer);
    timer = 0;
    if (running) running.abort();
    if (CM.state.nothing()) return;
    const mine = (running = new AbortController());
    try {
      fill(await CM.ask(CM.config.urls.facets + "?" + CM.state.query({ bbox: CM.data.bbox() }), { signal: mine.signal }));
    } catch (wrong) {
      if (wrong.name !== "AbortError") console.warn("counts: " + wrong.message);
    }
  }

  /* ---- days */

  function spread(found) {
    const counts = new Map(found);
    const known = found.map(([day]) => day).concat(CM.state.filter.from.slice(0, 10), CM.state.filter.until ? iso(Date.parse(CM.state.filter.until.slice(0, 10)) - DAY) : "").filter(Boolean).sort();
    days = [];
    if (!known.length) return;
    const last = Date.parse(known[known.length - 1]);
    for (let at = Date.parse(known[0]); at <= last && days.length < 4000; at += DAY) days.push([iso(at), counts.get(iso(at)) || 0]);
  }

  function range() {
    const { from, until } = CM.state.filter;
    const first = from ? days.findIndex(([day]) => day >= from.slice(0, 10)) : 0;
    let last = days.length - 1;
    if (until) { last = -1; days.forEach(([day], at) => { if (day < until.slice(0, 10)) last = at; }); }
    return [Math.max(0, first), Math.max(0, last)];
  }

  function words(a, b) {
    return days[a][0] === days[b][0] ? CM.day(days[a][0]) : CM.t("from_to", { from: CM.day(days[a][0]), to: CM.day(days[b][0]) });
  }

  function bars(a, b) {
    const per = Math.max(1, Math.ceil(days.length / MOST_BARS));
    const bins = [];
    for (let at = 0; at < days.length; at += per) {
      const piece = days.slice(at, at + per);
      bins.push({ n: piece.reduce((sum, [, n]) => sum + n, 0), first: at, last: at + piece.length - 1 });
    }
    const top = Math.max(1, ...bins.map((bin) => bin.n));
    const wide = 100 / bins.length;
    const svg = CM.svg("svg", { viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" });
    bins.forEach((bin, at) => {
      if (!bin.n) return;
      const high = Math.max(1.5, (38 * Math.sqrt(bin.n)) / Math.sqrt(top));
      const inside = bin.last >= a && bin.first <= b;
      svg.append(CM.svg("rect", { class: inside ? "in" : "", x: (at * wide + wide * 0.08).toFixed(2), width: (wide * 0.84).toFixed(2), y: (40 - high).toFixed(2), height: high.toFixed(2) },
        CM.svg("title", { text: words(bin.first, bin.last) + ": " + CM.number(bin.n) })));
    });
    svg.append(CM.svg("line", { class: "base", x1: 0, x2: 100, y1: 40, y2: 40, "vector-effect": "non-scaling-stroke" }));
    return svg;
  }

  function drawDays() {
    const box = CM.$("#histogram");
    const fieldset = box.closest("fieldset");
    const { from, until } = CM.state.filter;
    fieldset.hidden = days.length < 2;
    CM.$("#time-clear").hidden = !from && !until;
    if (days.length < 2) return;
    const [a, b] = range();
    CM.$("#time-words").textContent = from || until ? words(a, b) : CM.t("all_days", { from: CM.day(days[0][0]), to: CM.day(days[days.length - 1][0]) });
    const drawing = bars(a, b);
    if (!brush) {
      const slider = (name) => CM.el("input", { type: "range", min: 0, step: 1, "aria-label": CM.t(name), on: { input: sliding, change: slid } });
      brush = { from: slider("first_day"), until: slider("last_day") };
      box.append(drawing, brush.from, brush.until);
    } else if (box.firstChild) box.replaceChild(drawing, box.firstChild);
    brush.from.max = brush.until.max = days.length - 1;
    brush.from.value = a;
    brush.until.value = b;
    voice(a, b);
  }

  function voice(a, b) {
    brush.from.setAttribute("aria-valuetext", CM.day(days[a][0]));
    brush.until.setAttribute("aria-valuetext", CM.day(days[b][0]));
  }

  const chosen = () => { const a = Number(brush.from.value); const b = Number(brush.until.value); return [Math.min(a, b), Math.max(a, b)]; };

  function sliding() {
    const [a, b] = chosen();
    CM.$("#time-words").textContent = words(a, b);
    CM.$("#histogram").replaceChild(bars(a, b), CM.$("#histogram").firstChild);
    voice(Number(brush.from.value), Number(brush.until.value));
  }

  const slid = CM.debounce(() => {
    const [a, b] = chosen();
    CM.state.set({ from: a > 0 ? days[a][0] : "", until: b < days.length - 1 ? next(days[b][0]) : "" });
  }, 250);

  /* ---- chips: what is filtered, each with a way out */

  function chips() {
    const filter = CM.state.filter;
    const shelf = CM.$("#chips");
    const chip = (text, undo) => CM.el("button", { type: "button", class: "chip", "aria-label": CM.t("remove_filter", { name: text }), on: { click: undo } }, [CM.el("span", { text: text, dir: "auto" }), CM.icon("x")]);
    const found = [];
    if (filter.q) found.push(chip(CM.t("words", { q: filter.q }), () => CM.state.set({ q: "" })));
    ["category", "verification", "status"].forEach((name) => filter[name].forEach((value) => {
      const box = CM.$('#layers input[name="' + name + '"][value="' + CSS.escape(value) + '"]');
      const text = box ? CM.$("span", box.parentNode).textContent : value;
      found.push(chip(text, () => CM.state.set({ [name]: filter[name].filter((one) => one !== value) })));
    }));
    if (filter.from || filter.until) {
      const days_ = [filter.from && CM.t("since", { day: CM.day(filter.from.slice(0, 10)) }), filter.until && CM.t("until", { day: CM.day(iso(Date.parse(filter.until.slice(0, 10)) - DAY)) })];
      found.push(chip(days_.filter(Boolean).join(" · "), () => CM.state.set({ from: "", until: "" })));
    }
    if (found.length > 1) found.push(CM.el("button", { type: "button", class: "chip all", text: CM.t("clear_filters"), on: { click: () => CM.state.clear() } }));
    shelf.replaceChildren(...found);
    shelf.hidden = !found.length;
  }

  CM.facets = {
    start() {
      CM.$("#layers").addEventListener("change", changed);
      CM.$("#layers").addEventListener("submit", (event) => event.preventDefault());
      CM.$("#time-clear").addEventListener("click", () => CM.state.set({ from: "", until: "" }));
      CM.state.listen((what) => { if (what !== "report") { tick(); chips(); } });
      const settled = CM.debounce(load, 350); // who pans on needs no counts of every stop
      CM.data.on("loaded", (reason) => { if (reason === "view") settled(); else if (reason !== "live") load(); else CM.facets.later(); });
      tick();
      chips();
    },
    /** Count again soon: quickly where few are in view, every quarter of a minute where counting is work. */
    later() { if (!timer) timer = setTimeout(load, (CM.data.mode === "points" ? 2000 : 12000) * (1 + Math.random() / 2)); },
  };
})();

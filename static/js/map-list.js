/* The list beside the map: the same reports in words, newest first, and those whose place is not known yet. */
(function () {
  "use strict";
  const CM = window.CM;
  const PAGE = 30;
  let body = null;
  let features = [];   // what the list shows, newest first
  let next = null;     // path of the next page, in cell mode
  let shown = PAGE;    // rows drawn, in point mode
  let asked = 0;
  let open = "";       // id of the row that is opened
  const unplaced = new Map();
  const fresh = new Set();

  const link = (href, text, primary) => CM.el("a", { class: "button" + (primary ? " primary" : ""), href: href, text: text });

  function say(head, text, icon, buttons) {
    body.replaceChildren(CM.el("div", { class: "empty" }, [
      CM.icon(icon), CM.el("p", { class: "head", text: head }), text && CM.el("p", { text: text }),
      buttons && CM.el("div", { class: "buttons" }, buttons),
    ]));
  }

  function wait() {
    const rows = Array.from({ length: 6 }, () => CM.el("li", { class: "report-row", "aria-hidden": "true" }, [
      CM.el("span", { class: "skeleton" }), CM.el("p", { class: "title" }, CM.el("span", { class: "skeleton" })), CM.el("p", { class: "meta" }, CM.el("span", { class: "skeleton short" })),
    ]));
    body.replaceChildren(CM.el("ul", { class: "report-list" }, rows));
  }

  function empty() {
    if (CM.state.nothing()) return say(CM.t("no_layers"), CM.t("no_layers_text"), "layers", [CM.el("button", { type: "button", class: "button", text: CM.t("all_layers"), on: { click: () => CM.state.set({ kind: [] }) } })]);
    const outside = CM.el("button", { type: "button", class: "button", text: CM.t("whole_area"), on: { click: () => CM.home() } });
    if (CM.state.filtered()) return say(CM.t("none_match"), CM.t("none_match_text"), "search", [CM.el("button", { type: "button", class: "button", text: CM.t("clear_filters"), on: { click: () => CM.state.clear() } }), outside]);
    return say(CM.t("none_here"), CM.t("none_here_text"), "map", [outside, link("/report", CM.t("report"), true)]);
  }

  function row(feature) {
    const item = CM.row(feature, (chosen) => choose(chosen));
    if (fresh.has(feature.id)) item.classList.add("fresh");
    if (feature.id === CM.state.report) item.classList.add("selected");
    CM.$(".title button", item).setAttribute("aria-expanded", String(feature.id === open));
    if (feature.id === open) expand(item, feature);
    return item;
  }

  function expand(item, feature) {
    const p = feature.properties;
    const detail = CM.el("div", { class: "detail" });
    if (p.description && p.description !== p.title) detail.append(CM.el("p", { class: "text", dir: "auto", text: p.description }));
    detail.append(CM.linksOf(feature));
    item.append(detail);
  }

  function choose(feature) {
    open = open === feature.id ? "" : feature.id;
    CM.select(feature, "list");
    if (CM.narrow() && feature.geometry) CM.sheet.go("peek");
    draw();
    const button = CM.$('[data-id="' + CSS.escape(feature.id) + '"] .title button', CM.$("#list"));
    if (button && !CM.narrow()) button.focus({ preventScroll: true });
  }

  function draw() {
    drawUnplaced();
    if (CM.data.failed && !CM.data.ready) return failed(CM.data.failed);
    if (!features.length) return CM.data.matched ? wait() : empty();
    const focused = document.activeElement && document.activeElement.closest(".report-row");
    const keep = focused && body.contains(focused) ? focused.dataset.id : "";
    const list = CM.el("ul", { class: "report-list" }, features.slice(0, shown).map(row));
    body.replaceChildren(list);
    if (features.length > shown || next) body.append(CM.el("p", { class: "more-row" }, CM.el("button", { type: "button", class: "button block", text: CM.t("more"), on: { click: more } })));
    if (keep) {
      const again = CM.$('[data-id="' + CSS.escape(keep) + '"] .title button', body);
      if (again) again.focus({ preventScroll: true });
    }
  }
  const soon = CM.debounce(draw, 40);

  function failed(wrong) {
    say(CM.t(wrong.code === "offline" ? "offline_head" : "failed_head"), wrong.message, wrong.code === "offline" ? "wifi-off" : "triangle-alert",
      [wrong.status === 400
        ? CM.el("button", { type: "button", class: "button", text: CM.t("clear_filters"), on: { click: () => CM.state.clear() } })
        : CM.el("button", { type: "button", class: "button", text: CM.t("try_again"), on: { click: () => CM.data.load("retry") } }), link("/report", CM.t("report"))]);
    CM.$("#in-view").textContent = "";
  }

  async function ask(onward) {
    const mine = (asked += 1);
    const address = onward || CM.config.urls.reports + "?" + CM.state.query({ bbox: CM.data.bbox(), limit: PAGE });
    const answer = await CM.ask(address, { anonymous: true }).catch((wrong) => { if (mine === asked) CM.toast(wrong.message); return null; });
    if (!answer || mine !== asked) return;
    features = onward ? features.concat(answer.features.filter((f) => !features.some((have) => have.id === f.id))) : answer.features;
    // the address is absolute on the public address, which may not be the one this page came from
    next = answer.next ? new URL(answer.next).pathname + new URL(answer.next).search : null;
    shown = features.length;
    draw();
  }

  function more() {
    const at = Math.min(shown, features.length);
    const focusNext = () => { const rows = CM.$$(".title button", body); if (rows[at]) rows[at].focus(); };
    if (CM.data.mode === "points") { shown += PAGE; draw(); focusNext(); } else ask(next).then(focusNext);
  }

  function head() {
    CM.$("#in-view").textContent = CM.state.nothing() ? CM.t("no_layers") : CM.t("in_view", { n: CM.number(CM.data.matched) });
  }

  /* ---- reports without a place */

  async function askUnplaced() {
    if (!CM.data.unplaced || CM.state.nothing()) { unplaced.clear(); return drawUnplaced(); }
    const query = CM.state.query({ placed: "no", limit: 20 });
    const answer = await CM.ask(CM.config.urls.reports + "?" + query).catch(() => null); // the list of places still stands
    if (!answer) return;
    unplaced.clear();
    answer.features.forEach((feature) => unplaced.set(feature.id, feature));
    drawUnplaced();
  }

  function drawUnplaced() {
    const total = Math.max(CM.data.unplaced, unplaced.size);
    CM.$("#unplaced").hidden = total === 0;
    CM.$("#unplaced-n").textContent = CM.number(total);
    const rows = Array.from(unplaced.values()).map(row);
    const box = CM.$("#unplaced-body");
    box.replaceChildren(CM.el("ul", { class: "report-list" }, rows));
    if (total > unplaced.size) box.append(CM.el("p", { class: "more-row" }, link("/reports?placed=no&" + CM.state.query(), CM.t("all_of_them"))));
  }

  /* ---- what arrives by itself */

  function arrived(change) {
    const { feature, gone, seen } = change;
    const id = feature.id;
    if (!gone && !feature.geometry) {
      if (!unplaced.has(id)) CM.data.unplaced += 1;
      const older = Array.from(unplaced);
      unplaced.clear();
      unplaced.set(id, feature);
      older.forEach(([key, value]) => { if (key !== id) unplaced.set(key, value); });
    } else if (unplaced.delete(id)) {
      CM.data.unplaced = Math.max(0, CM.data.unplaced - 1);
    }
    if (CM.data.mode === "points") features = Array.from(CM.data.points.values());
    else {
      const at = features.findIndex((have) => have.id === id);
      if (at >= 0 && seen) features[at] = feature;
      else if (at >= 0) features.splice(at, 1);
      else if (seen && CM.news(feature)) { features.unshift(feature); shown += 1; CM.data.matched += 1; }
    }
    if (seen && !change.known && CM.news(feature)) {
      fresh.add(id);
      setTimeout(() => { fresh.delete(id); soon(); }, 6000);
    }
    head();
    soon();
  }

  /** Whether this is a report nobody here has seen, not an old one that was edited. Times of blurred ones are cut to the hour. */
  CM.news = function (feature) {
    const moment = feature.properties.updated_at || feature.properties.created_at;
    const age = CM.now() - new Date(moment).getTime() - (/:00:00Z$/.test(moment) ? 3600000 : 0);
    return age < 120000 && !features.some((have) => have.id === feature.id && have !== feature);
  };

  CM.list = {
    start() {
      body = CM.$("#list-body");
      wait();
      CM.data.on("loaded", (reason) => {
        head();
        if (reason !== "live") { CM.$("#list").scrollTop = 0; body.scrollTop = 0; }
        if (CM.data.mode === "points") {
          asked += 1;
          features = Array.from(CM.data.points.values());
          next = null;
          shown = PAGE;
          draw();
        } else if (reason !== "live" || !features.length) {
          ask("");
        }
        if (reason === "filter" || reason === "start" || CM.data.unplaced !== unplaced.size) askUnplaced();
      });
      CM.data.on("failed", (wrong) => { if (!CM.data.ready) failed(wrong); else CM.note(wrong.message); });
      CM.data.on("change", arrived);
      document.addEventListener("cm:select", (event) => {
        if (event.detail.from === "map" || event.detail.from === "link") {
          open = event.detail.feature.id;
          shown = Math.max(shown, features.findIndex((feature) => feature.id === open) + 1);
          draw();
          const item = CM.$('[data-id="' + CSS.escape(open) + '"]', CM.$("#list"));
          if (item && !CM.narrow()) item.scrollIntoView({ block: "nearest" });
        }
      });
    },
  };
})();

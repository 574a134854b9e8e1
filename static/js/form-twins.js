/* While somebody writes a report: is it on the map already? Asked of the server in a pause of typing, without a cookie;
   nothing is kept of the question. It is never in the way: whatever fails, the report can be sent. */
(function () {
  "use strict";
  const CM = window.CM;
  const form = CM.$("#report-form");
  if (!form) return;
  const PAUSE = 600;
  const ENOUGH_LETTERS = 12;
  const ENOUGH_WORDS = 3;
  const MOST_LETTERS = 1000; // that are asked with: more costs a slow line, and finds nothing else
  const REST = 30; // seconds after "too many", if the server names none
  const SHOWN_AT = [2, 3]; // the words, and the last question
  const bands = CM.json(form, "bands");
  const slots = CM.$$(".twins-slot", form);
  const say = CM.$("#twins-say");
  const asked = form.elements.asked;
  const value = CM.reportForm.value;
  const panel = CM.el("section", { class: "twins-panel", hidden: true });
  const answered = new Set(asked.value.split(",").filter(Boolean));
  let found = [];
  let shown = ""; // ids in the panel
  let shownAt = 0;
  let told = ""; // ids of what the live region said
  let last = ""; // the question that `found` answers
  let asking = null;
  let restUntil = 0;

  const open = () => found.filter((one) => !answered.has(one.id));
  const slot = () => slots[SHOWN_AT.indexOf(CM.reportForm.step())];

  /* ---- asking */

  function question() {
    const text = [value("title"), value("description")].filter(Boolean).join("\n");
    const lat = Number(value("lat").replace(",", "."));
    const lon = Number(value("lon").replace(",", "."));
    const point = value("lat") !== "" && value("lon") !== "" && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
    const placed = point || value("place") || form.elements.place_unknown.checked;
    if (!(value("kind") || value("category")) || !placed) return null;
    if (text.length < ENOUGH_LETTERS && text.split(/\s+/).filter(Boolean).length < ENOUGH_WORDS) return null;
    const body = { text: text.slice(0, MOST_LETTERS) };
    ["kind", "category", "place", "occurred_at"].forEach((name) => { if (value(name)) body[name] = value(name); });
    if (point) Object.assign(body, { lat: lat, lon: lon });
    const within = Number(value("accuracy_m").replace(",", "."));
    if (point && within > 0) body.accuracy_m = within;
    return body;
  }

  async function ask() {
    const body = question();
    const key = JSON.stringify(body);
    if (key === last) return;
    if (asking) asking.abort();
    asking = null;
    if (!body) {
      last = "";
      found = [];
      draw();
      return;
    }
    if (navigator.onLine === false || Date.now() < restUntil) return;
    const mine = new AbortController();
    asking = mine;
    try {
      const answer = await CM.ask("/api/v1/duplicates", { method: "POST", body: body, signal: mine.signal, anonymous: true });
      if (asking !== mine) return;
      last = key;
      found = answer.candidates;
      draw();
    } catch (wrong) {
      if (wrong.status === 429 || wrong.status === 503) restUntil = Date.now() + 1000 * (wrong.retryAfter || REST);
    }
  }
  const later = CM.debounce(ask, PAUSE);

  /* ---- showing */

  /** Whether a panel that appears would move what somebody has under the finger: itself, or anything below its slot. */
  function inTheWay() {
    const active = document.activeElement;
    if (!form.contains(active) || !slot()) return false;
    return panel.contains(active) || Boolean(slot().compareDocumentPosition(active) & Node.DOCUMENT_POSITION_FOLLOWING);
  }

  /** The text without what the title says already: a report without a title is called by its beginning. */
  function rest(one) {
    const text = (one.text || "").trim();
    const beginning = one.title.endsWith("…") ? one.title.slice(0, -1) : one.title;
    const left = text.startsWith(beginning) ? text.slice(beginning.length).trim() : text;
    const begun = left !== text ? "… " : "";
    return left && begun + (left.length > 240 ? left.slice(0, 240).trim() + "…" : left);
  }

  function card(one) {
    const name = "twin-" + one.id;
    // public times of what people need are cut to the hour: minutes would say more than is known
    const facts = [bands[one.distance], one.age_minutes < 60 ? CM.t("last_hour") : CM.ago(CM.now() - one.age_minutes * 60000)];
    if (one.voices > 1) facts.push(CM.t("voices", { n: CM.number(one.voices) }));
    const words = rest(one);
    return CM.el("li", { class: "card twin" }, [
      CM.el("h4", { id: name }, CM.el("a", { href: "/reports/" + encodeURIComponent(one.id), target: "_blank", rel: "noopener" }, [
        CM.el("bdi", { text: one.title || CM.t("untitled") }), CM.icon("external-link"),
        CM.el("span", { class: "visually-hidden", text: " " + CM.t("new_tab") }),
      ])),
      words ? CM.el("p", { class: "words", dir: "auto", text: words }) : null,
      CM.el("p", { class: "meta", text: facts.join(" · ") }),
      CM.el("button", { type: "button", class: "button", "aria-describedby": name, on: { click: (event) => same(event, one) } }, [CM.icon("check"), CM.t("twins_yes")]),
    ]);
  }

  function draw() {
    const now = open();
    const ids = now.map((one) => one.id).join(",");
    const place = slot();
    if (!place || (!now.length && !panel.dataset.answered)) {
      if (!place || !inTheWay()) panel.hidden = true;
      if (panel.hidden) shown = "";
      return;
    }
    if (panel.parentNode === place && !panel.hidden && shown === ids) return;
    if (inTheWay()) return; // drawn when the focus is elsewhere
    if (!now.length) {
      panel.hidden = panel.parentNode !== place;
      return;
    }
    delete panel.dataset.answered;
    panel.replaceChildren(
      CM.el("h3", { id: "twins-head", tabindex: "-1", text: CM.t("twins_head") }),
      CM.el("p", { class: "hint", text: CM.t("twins_text") }),
      CM.el("ul", { class: "twins" }, now.map(card)),
      CM.el("button", { type: "button", class: "button block", on: { click: different }, text: CM.t("twins_no") }),
    );
    panel.setAttribute("aria-labelledby", "twins-head");
    place.append(panel);
    panel.hidden = false;
    shown = ids;
    shownAt = Date.now();
    if (told !== ids) say.textContent = now.length === 1 ? CM.t("twins_one") : CM.t("twins_many", { n: CM.number(now.length) });
    told = ids;
  }

  /* ---- answering */

  /** A tap that was meant for what stood here before the panel came. */
  const tooSoon = (event) => event.detail > 0 && Date.now() - shownAt < 500;

  function same(event, one) {
    if (!tooSoon(event)) CM.reportForm.send(one.id, event.currentTarget);
  }

  function keepAnswers() {
    asked.value = Array.from(answered).slice(-100).join(",");
  }

  function different(event) {
    if (tooSoon(event)) return;
    const these = open();
    these.forEach((one) => answered.add(one.id));
    keepAnswers();
    shown = "";
    panel.dataset.answered = "1";
    panel.removeAttribute("aria-labelledby");
    const line = CM.el("p", { class: "twins-answered", tabindex: "-1" }, [
      CM.el("span", { text: CM.t("twins_answered") }), " ",
      CM.el("button", { type: "button", class: "link-button", text: CM.t("twins_again"), on: { click: () => {
        these.forEach((one) => answered.delete(one.id));
        keepAnswers();
        line.remove();
        draw();
        const head = CM.$("#twins-head");
        if (head) head.focus();
      } } }),
    ]);
    panel.replaceChildren(line);
    line.focus(); // the next Tab leads on to what follows
  }

  /* ---- when */

  function forget() {
    found = [];
    last = "";
    delete panel.dataset.answered;
    panel.hidden = true;
    shown = "";
  }

  form.addEventListener("input", later);
  form.addEventListener("cm:point", later);
  form.addEventListener("change", (event) => {
    if (event.target.name === "kind" || event.target.name === "category") forget();
    later();
  });
  form.addEventListener("cm:step", () => {
    delete panel.dataset.answered;
    draw();
    later();
  });
  form.addEventListener("focusin", draw);
  form.addEventListener("reset", () => {
    later.cancel();
    if (asking) asking.abort();
    asking = null;
    answered.clear();
    keepAnswers();
    forget();
  });
  window.addEventListener("online", later);
  later();
})();

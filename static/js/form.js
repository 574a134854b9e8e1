/* The report form, one question a screenful. Without this script it is one long form, and the server says the same. */
(function () {
  "use strict";
  const CM = window.CM;
  const form = CM.$("#report-form");
  if (!form) return;
  CM.learn(form);
  const sections = CM.$$(".step", form);
  const says = CM.$("#form-says");
  const back = CM.$("#step-back");
  const next = CM.$("#step-next");
  const send = CM.$("#send");
  let at = 0;

  const value = (name) => { const field = form.elements[name]; return field && field.value ? field.value.trim() : ""; };
  /** A line of what is missing, where it is missing. */
  function tell(text, element) {
    const place = element && element.closest(".field, .tiles");
    if (place) place.before(says); else form.append(says);
    says.textContent = text || "";
    says.hidden = !text;
    if (element) element.focus();
  }

  /* ---- steps */

  function show(step, focus) {
    at = Math.max(0, Math.min(sections.length - 1, step));
    sections.forEach((section, n) => { section.hidden = n !== at; });
    back.hidden = at === 0;
    next.hidden = at === sections.length - 1;
    send.hidden = at !== sections.length - 1;
    const question = CM.$("h2", sections[at]);
    CM.$(".where", form).textContent = CM.t("step_of", { current: CM.number(at + 1), total: CM.number(sections.length), question: question.textContent });
    CM.$(".top-line").hidden = at > 0;
    CM.$$(".bar i", form).forEach((bar, n) => bar.classList.toggle("done", n <= at));
    tell("");
    if (focus) {
      question.focus();
      window.scrollTo({ top: 0 });
    }
    form.dispatchEvent(new CustomEvent("cm:step"));
  }

  /** What is missing on a step, and the element to go to. */
  function lacking(step) {
    if (step === 0) {
      if (!value("category")) return value("kind") ? [CM.t("choose_category"), CM.$("#category")] : [CM.t("choose_kind"), CM.$("#kind input")];
    }
    if (step === 1 && !value("place") && !value("lat") && !form.elements.place_unknown.checked) return [CM.t("say_where"), form.elements.place];
    if (step === 2 && !value("description") && !value("title")) return [CM.t("say_what"), form.elements.description];
    const long = CM.$$("input, textarea", sections[step]).find((field) => field.validity.customError);
    return long ? [long.validationMessage, long] : null;
  }

  function forward() {
    const missing = lacking(at);
    if (missing) {
      tell(missing[0], missing[1]);
      return;
    }
    show(at + 1, true);
    history.pushState({ step: at }, "");
  }

  /** The step that holds an element; goes there. */
  function reveal(element) {
    const n = sections.findIndex((section) => section.contains(element));
    if (n >= 0 && n !== at) show(n, false);
    const details = element.closest("details");
    if (details) details.open = true;
    element.focus();
  }

  next.addEventListener("click", forward);
  back.addEventListener("click", () => history.back());
  window.addEventListener("popstate", (event) => show(event.state && event.state.step ? event.state.step : 0, true));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT" && at < sections.length - 1) {
      event.preventDefault();
      forward();
    }
  });
  CM.$$("#errors a").forEach((link) => link.addEventListener("click", (event) => {
    const target = document.getElementById(link.hash.slice(1));
    if (target) { event.preventDefault(); reveal(target); }
  }));

  /* ---- kinds and categories */

  const groups = CM.$$(".tile-group", form);
  const others = CM.el("button", { type: "button", class: "button quiet", hidden: true, text: CM.t("all_subjects"), on: { click: () => { groups.forEach((group) => { group.hidden = false; }); others.hidden = true; } } });
  CM.$("#category").append(others);

  function chooseKind() {
    const kind = value("kind");
    CM.$("#category").hidden = !kind && !value("category");
    if (!kind) return;
    groups.forEach((group) => { group.hidden = group.dataset.kind !== kind && !CM.$("input:checked", group); });
    others.hidden = groups.every((group) => !group.hidden);
  }
  CM.$$('input[name="kind"]', form).forEach((radio) => radio.addEventListener("change", () => {
    chooseKind();
    tell("");
    CM.$("#category").scrollIntoView({ block: "start", behavior: CM.calm() ? "auto" : "smooth" });
  }));
  CM.$$('input[name="category"]', form).forEach((radio) => radio.addEventListener("change", () => tell("")));

  /* ---- where */

  const words = CM.$("#point-words");
  const box = CM.$("#pick-map");
  const openMap = CM.$("#open-map");
  const clear = CM.$("#clear-point");
  CM.$("#place-tools").hidden = false;

  function pointWords() {
    const within = (name, most) => value(name) !== "" && Math.abs(Number(value(name).replace(",", "."))) <= most;
    const has = within("lat", 90) && within("lon", 180);
    if (has && at === 1) tell("");
    clear.hidden = !has;
    if (has) form.elements.place_unknown.checked = false;
    if (has && value("located_by") !== "gps") words.textContent = CM.t("picked");
    if (!has) words.textContent = box.hidden ? "" : CM.t("no_point");
  }
  form.addEventListener("cm:point", pointWords);
  clear.addEventListener("click", () => CM.setPoint(form, null, null, null, ""));
  ["lat", "lon"].forEach((name) => form.elements[name].addEventListener("input", () => { form.elements.located_by.value = ""; pointWords(); }));
  CM.$("#locate").addEventListener("click", () => CM.locate(form, (text) => { words.textContent = text; }, (coords) => { if (CM.pick) CM.pick.goTo(coords.latitude, coords.longitude); }));

  const script = (url) => new Promise((done, failed) => document.head.append(CM.el("script", { src: url, on: { load: done, error: () => failed(new Error(url)) } })));
  async function loadMap() {
    CM.json(form, "pickCss").forEach((url) => document.head.append(CM.el("link", { rel: "stylesheet", href: url })));
    for (const url of CM.json(form, "pickJs")) await script(url);
    CM.pick.start();
  }
  openMap.addEventListener("click", () => {
    box.hidden = !box.hidden;
    openMap.setAttribute("aria-expanded", String(!box.hidden));
    pointWords();
    if (box.hidden) return;
    if (CM.pick) CM.map.invalidateSize();
    else loadMap().catch(() => { box.hidden = true; openMap.setAttribute("aria-expanded", "false"); words.textContent = CM.t("map_failed"); });
  });

  /* ---- sending, and keeping what could not be sent */

  const shelf = CM.$("#outbox");
  let timer = 0;
  const pageOf = (body) => new URL(body.tracking_url).pathname;

  async function showOutbox(why) {
    const kept = await CM.outbox.all().catch(() => []);
    shelf.hidden = kept.length === 0;
    shelf.replaceChildren();
    if (!kept.length) return;
    const text = kept.length === 1 ? CM.t("kept") : CM.t("kept_many", { n: CM.number(kept.length) });
    shelf.append(CM.icon("cloud-off"), CM.el("div", {}, [
      CM.el("p", { text: text }),
      why ? CM.el("p", { text: CM.t("refused", { why: why }) }) : null,
      CM.el("p", { class: "buttons" }, [
        CM.el("button", { type: "button", class: "button small", text: CM.t("send_now"), on: { click: flush } }),
        CM.el("button", { type: "button", class: "button small quiet", text: CM.t("throw_away"), on: { click: async () => {
          if (!window.confirm(CM.t("sure_throw"))) return;
          for (const item of kept) await CM.outbox.drop(item.id);
          showOutbox();
        } } }),
      ]),
    ]));
  }

  async function flush() {
    clearTimeout(timer);
    const result = await CM.outbox.flush().catch(() => null);
    if (!result) return;
    result.told.forEach(() => CM.toast(CM.t("told_before")));
    result.sent.forEach((body) => CM.toast(CM.t("sent_late"), { label: CM.t("follow"), run: () => location.assign(pageOf(body)) }));
    const problem = result.refused[0];
    await showOutbox(problem ? (problem.errors || []).map((error) => error.message).join(" ") || problem.detail : "");
    if (result.wait) timer = setTimeout(flush, Math.min(120, result.wait + Math.random() * 5) * 1000);
  }
  window.addEventListener("online", flush);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) flush(); });

  async function keep(fields, wait) {
    try {
      await CM.outbox.keep(fields);
    } catch (wrong) {
      tell(CM.t("not_kept"));
      return;
    }
    form.reset();
    form.elements.client_id.value = CM.outbox.uuid();
    chooseKind();
    pointWords();
    show(0, false);
    await showOutbox();
    shelf.tabIndex = -1;
    shelf.focus();
    timer = setTimeout(flush, Math.max(5, wait) * 1000);
  }

  /** The form as it goes: with voiceOf as a voice for that report. The field stays for the server's own page. */
  function filled(voiceOf) {
    CM.$$('input[name="voice_of"]', form).forEach((field) => field.remove());
    if (voiceOf) form.append(CM.el("input", { type: "hidden", name: "voice_of", value: voiceOf }));
    return Array.from(new FormData(form).entries()).filter((pair) => pair[1] !== "");
  }

  async function deliver(voiceOf, button) {
    const missing = [0, 1, 2, 3].find((step) => lacking(step));
    if (missing !== undefined) {
      const [text, element] = lacking(missing);
      show(missing, false);
      tell(text, element);
      return;
    }
    if (send.disabled) return;
    send.disabled = true;
    tell("");
    const words = button.lastChild.textContent;
    button.lastChild.textContent = CM.t("sending");
    const fields = filled(voiceOf);
    const outcome = await CM.outbox.send(fields);
    send.disabled = false;
    button.lastChild.textContent = words;
    if (outcome.state === "sent") location.assign(pageOf(outcome.body) + "/sent");
    else if (outcome.state === "later") await keep(fields, outcome.wait);
    else form.submit(); // the server's own page: what is wrong, "is it one of these?", or that it was told before
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    deliver("", send);
  });

  CM.reportForm = { value: value, step: () => at, send: deliver };

  /* ---- begin */

  CM.$("#steps").hidden = false;
  form.classList.add("stepped");
  chooseKind();
  const wrong = CM.$(".field.wrong", form);
  const first = wrong ? sections.findIndex((section) => section.contains(wrong)) : CM.$("#errors") ? sections.length - 1 : 0;
  show(Math.max(0, first), false);
  history.replaceState({ step: at }, "");
  pointWords();
  flush();
})();

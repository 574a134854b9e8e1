/* The page that builds feeds, live: each change asks the server for the same page and takes its result, so that count,
   addresses and lines to paste are written in one place. Without this script the form does the same with its button. */
(function () {
  "use strict";
  const CM = window.CM;
  const page = CM.$("#feeds");
  const form = CM.$("#feed-form");
  let running = null;
  CM.learn(page);

  /** What is chosen, without empty fields. */
  function chosen() {
    const query = new URLSearchParams();
    new FormData(form).forEach((value, name) => {
      if (value.trim() && !(name === "layer" && value === "all")) query.append(name, value.trim());
    });
    return query;
  }

  /** On a phone the result is far below the form: this leads there, and says what it is. */
  function settle(outcome) {
    CM.$("#to-outcome").textContent = CM.$("#outcome-head", outcome).textContent.trim();
    CM.$$("[data-copy][hidden]", outcome).forEach((button) => { button.hidden = false; });
    CM.$$("time[data-ago]", outcome).forEach(CM.freshen);
    CM.feedMap.show(outcome.dataset.query ? JSON.parse(outcome.dataset.query) : null);
  }

  /** The fields keep what is typed; only what is said of them changes. */
  function takeErrors(fresh) {
    CM.$$("[data-slot]", form).forEach((slot) => {
      const other = fresh.getElementById(slot.id);
      if (!other) return;
      slot.replaceChildren(...Array.from(other.childNodes).map((node) => document.adoptNode(node)));
      const wrong = slot.children.length > 0;
      const field = slot.closest("[data-field]");
      field.classList.toggle("wrong", wrong);
      const input = CM.$("#" + slot.dataset.slot, field);
      if (input) { if (wrong) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid"); }
    });
  }

  function countPicks() {
    CM.$$(".pick", form).forEach((pick) => {
      const n = CM.$$("input:checked", pick).length;
      CM.$(".chosen-n", pick).textContent = n ? CM.number(n) : "";
    });
    // a layer of one kind holds no other; one that is ticked all the same is told of by the server
    const kinds = CM.$(".kinds-choice", form);
    kinds.hidden = ofOneKind() && !CM.$("input:checked", kinds);
  }

  const ofOneKind = () => ["needs", "offers", "damage", "information"].includes(form.elements.layer.value);

  const openRecipes = () => CM.$$("details.recipe[open]").map((one) => one.id);

  async function refresh() {
    if (running) running.abort();
    running = new AbortController();
    const mine = running;
    const query = chosen().toString().replace(/%2C/g, ",").replace(/%3A/g, ":");
    const address = "/feeds" + (query ? "?" + query : "");
    const outcome = CM.$("#outcome");
    outcome.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin", signal: mine.signal });
      if (!answer.ok && answer.status !== 400) throw new Error("answered " + answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = fresh.getElementById("outcome");
      if (mine !== running) return;
      if (!next) throw new Error("no result");
      history.replaceState(null, "", address);
      const open = openRecipes();
      takeErrors(fresh);
      ["title", "slug"].forEach((name) => { // what a coordinator has begun to type
        const typed = CM.$("#name-layer [name=" + name + "]", outcome);
        const empty = CM.$("#name-layer [name=" + name + "]", next);
        if (typed && empty) empty.value = typed.value;
      });
      outcome.replaceWith(document.adoptNode(next));
      if (open.length) CM.$$("details.recipe", next).forEach((one) => { one.open = open.includes(one.id); });
      settle(next);
      const wrong = next.dataset.wrong;
      CM.$("#spoken").textContent = wrong ? CM.t("wrong", { what: wrong }) : CM.t("found", { n: CM.number(Number(next.dataset.matched)) });
    } catch (problem) {
      if (problem.name === "AbortError") return;
      outcome.removeAttribute("aria-busy");
      CM.toast(CM.t(navigator.onLine === false ? "offline" : "network"), { label: CM.t("try_again"), run: refresh });
    }
  }

  const soon = CM.debounce(refresh, 350);
  form.addEventListener("submit", (event) => { event.preventDefault(); soon.cancel(); refresh(); });
  form.addEventListener("change", (event) => {
    if (event.target.name === "layer" && ofOneKind()) CM.$$("input[name=kind]", form).forEach((box) => { box.checked = false; });
    countPicks();
    if (/^(bbox|near|radius)$/.test(event.target.name)) CM.feedMap.fromFields();
    soon.cancel();
    refresh();
  });
  form.addEventListener("input", (event) => { if (event.target.type === "search") soon(); });

  CM.$("#show").hidden = true;
  CM.$("#to-outcome").hidden = false;
  countPicks();
  // what is ticked in a long list is in sight
  CM.$$(".pick[open] .pick-body", form).forEach((body) => {
    const ticked = CM.$("input:checked", body);
    if (ticked) body.scrollTop = ticked.getBoundingClientRect().top - body.getBoundingClientRect().top - 48;
  });
  CM.feedMap.start();
  settle(CM.$("#outcome"));
})();

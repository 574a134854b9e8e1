/* From one report to the next without loading the page: the list stays where it is, and the next report is fetched while
   this one is read. Whatever goes wrong ends in an ordinary visit to the address. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk || !desk.dataset.open) return;
  const PARTS = [".dossier", ".desk-side"];
  const KEEP_MS = 20000;
  const fetched = new Map(); // address → {at, text}

  function get(address) {
    const known = fetched.get(address);
    if (known && Date.now() - known.at < KEEP_MS) return known.text;
    const text = fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" }).then((answer) => {
      if (!answer.ok || answer.redirected) throw new Error("answered " + answer.status);
      return answer.text();
    });
    text.catch(() => fetched.delete(address));
    fetched.set(address, { at: Date.now(), text: text });
    return text;
  }

  /** Forget what was fetched ahead: something changed. */
  CM.deskForget = () => fetched.clear();

  function ahead() {
    const next = CM.$("#next");
    if (next) get(next.href).catch(() => { /* the click will tell */ });
  }
  const soon = CM.debounce(ahead, 800);

  async function go(address, push) {
    let page;
    try {
      page = new DOMParser().parseFromString(await get(address), "text/html");
      if (!page.querySelector("#desk[data-open]") || !page.querySelector(PARTS[0])) throw new Error("no report");
    } catch (wrong) {
      location.assign(address);
      return;
    }
    fetched.delete(address);
    if (push) history.pushState(null, "", address);
    document.title = page.title;
    const fresh = page.querySelector("#desk");
    CM.deskMap(fresh);
    PARTS.forEach((part) => CM.$(part, desk).replaceWith(document.adoptNode(fresh.querySelector(part))));
    ["open", "revision"].forEach((name) => { desk.dataset[name] = fresh.dataset[name]; });
    delete desk.dataset.warned;
    CM.$$(".flash, #toasts > *").forEach((old) => old.remove());
    CM.$$("#queue-list .selected").forEach((row) => { row.classList.remove("selected"); CM.$("a", row).removeAttribute("aria-current"); });
    const row = document.getElementById("row-" + desk.dataset.open);
    if (row) {
      row.classList.add("selected");
      CM.$("a", row).setAttribute("aria-current", "true");
      row.scrollIntoView({ block: "nearest" });
    }
    CM.$$("time[data-ago]", desk).forEach(CM.freshen);
    CM.showDeskMap();
    CM.settleDesk();
    if (CM.narrow()) window.scrollTo(0, 0);
    const head = CM.$("#report-head");
    head.tabIndex = -1;
    head.focus({ preventScroll: true });
    soon();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (!desk.contains(link) || link.origin !== location.origin || link.search !== location.search || link.hash) return;
    if (!/^\/moderate\/[a-z0-9]+$/.test(link.pathname) || link.dataset.leave !== undefined) return;
    event.preventDefault();
    go(link.href, true);
  });
  window.addEventListener("popstate", () => {
    const open = location.pathname.split("/").pop();
    if (open !== desk.dataset.open) go(location.pathname + location.search, false);
  });
  soon();
})();

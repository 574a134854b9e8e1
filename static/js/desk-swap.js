/* From one report to the next without loading the page: the list stays where it is, and the next report is fetched while
   this one is read, so that it is there at once. Whatever goes wrong ends in an ordinary visit to the address. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  CM.learn(desk);
  const KEEP_MS = 60000;
  const fetched = new Map(); // address → {at, text}
  let turn = 0;

  function get(address) {
    const known = fetched.get(address);
    if (known && Date.now() - known.at < KEEP_MS) return known.text;
    const text = fetch(address, { headers: { Accept: "text/html", "X-Desk": "ahead" }, credentials: "same-origin" }).then((answer) => {
      if (!answer.ok || answer.redirected) throw new Error("answered " + answer.status);
      return answer.text();
    });
    text.catch(() => fetched.delete(address));
    fetched.set(address, { at: Date.now(), text: text });
    return text;
  }

  /** Forget what was fetched ahead: something changed (only that report's page, where its id is given). */
  CM.deskForget = function (id) {
    if (id === undefined) fetched.clear();
    else Array.from(fetched.keys()).forEach((address) => { if (address.includes("/" + id)) fetched.delete(address); });
  };

  function ahead() {
    const next = CM.$("#next");
    if (next) get(next.href).catch(() => { /* the click will tell */ });
  }
  CM.deskAhead = CM.debounce(ahead, 250);

  /** Show a page of the desk that came as text; `address` is written into the address bar where it is given. */
  CM.deskShow = function (text, address, push) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.querySelector("#desk");
    if (!fresh) throw new Error("no desk");
    const told = CM.$$(".flash .notice", page).map((one) => one.textContent.trim());
    const before = desk.dataset.open;
    const begun = CM.deskKeep();
    if (address && push) history.pushState(null, "", address);
    document.title = page.title;
    CM.deskMap(fresh);
    CM.$("#desk-work").replaceWith(document.adoptNode(fresh.querySelector("#desk-work")));
    ["open", "revision"].forEach((name) => { desk.dataset[name] = fresh.dataset[name]; });
    desk.classList.toggle("with-report", Boolean(desk.dataset.open));
    delete desk.dataset.warned;
    CM.$$(".flash, .toast.of-report").forEach((old) => old.remove());
    CM.deskSelect(desk.dataset.open);
    CM.$$("time[data-ago]", desk).forEach(CM.freshen);
    CM.deskLasts();
    CM.showDeskMap();
    CM.settleDesk();
    if (before !== desk.dataset.open) CM.deskOpened(before, desk.dataset.open);
    if (CM.narrow()) window.scrollTo(0, 0);
    const errors = CM.$("#errors", CM.$("#desk-work"));
    const head = errors || CM.$("#contact") || CM.$("#report-head");
    if (head) { head.tabIndex = -1; head.focus({ preventScroll: !errors }); }
    if (told.length) CM.deskSay(told.join(" "));
    const kept = CM.deskRestore();
    if (kept.length && before !== desk.dataset.open) CM.toast(CM.t("draft_here", { forms: kept.join(", ") })).classList.add("of-report");
    else if (begun.length && before !== desk.dataset.open) CM.toast(CM.t("draft_kept", { forms: begun.join(", ") }));
    CM.deskAhead();
  };

  /** Go to a report or to the list (an address of the desk) without leaving the page. */
  CM.deskGo = async function (address, push) {
    const mine = turn += 1;
    try {
      const text = await get(address);
      if (mine !== turn) return;
      fetched.delete(address);
      CM.deskShow(text, address, push !== false);
    } catch (wrong) {
      location.assign(address);
    }
  };

  const gone = new Set(); // ids that left the list since the page was made: the next one may be among them
  CM.deskGone = (id) => gone.add(id);
  CM.deskBack = (id) => gone.delete(id);

  /** The report that stands next: at once, for its page is here already. */
  CM.deskNext = function () {
    const next = CM.$("#next");
    if (next && !gone.has(next.pathname.split("/").pop())) return CM.deskGo(next.href);
    const row = CM.$$("#queue-list .report-row").find((one) => one.dataset.id !== desk.dataset.open);
    return CM.deskGo(row ? CM.$(".title a", row).href : desk.dataset.desk + location.search);
  };

  const ours = (link) => desk.contains(link) && link.origin === location.origin && link.search === location.search && !link.hash &&
    link.dataset.leave === undefined && (/^\/moderate\/[a-z0-9]+$/.test(link.pathname) || link.pathname === "/moderate");
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (!ours(link)) return;
    event.preventDefault();
    CM.deskGo(link.href);
  });
  window.addEventListener("popstate", () => {
    const here = /^\/moderate\/([a-z0-9]+)$/.exec(location.pathname);
    if ((here ? here[1] : "") !== desk.dataset.open) CM.deskGo(location.pathname + location.search, false);
  });
  CM.deskAhead();
})();

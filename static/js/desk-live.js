/* What comes in appears in the list by itself. A live stream, where there is one, only says that something happened;
   what it is comes from one address that the page asks every few seconds otherwise. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  CM.learn(desk);
  const list = CM.$("#queue-list");
  const order = desk.dataset.order;
  const last = desk.dataset.last === "yes";
  let seq = Number(desk.dataset.seq);
  let asking = false;
  let again = false;
  let wait = 4000;
  let timer = 0;
  let stream = null;
  let counted = 0;
  const COUNT_MS = 15000; // between two counts of the views, which cost a question each
  const MOST = 1000; // to which they are counted

  function put(row) {
    CM.deskBack(row.id);
    const holder = document.createElement("template");
    holder.innerHTML = row.html; // our own page's markup: Jinja escaped what people wrote
    const fresh = holder.content.querySelector("li");
    CM.$$("time[data-ago]", fresh).forEach(CM.freshen);
    const old = document.getElementById("row-" + row.id);
    if (old) {
      if (old.classList.contains("selected")) fresh.classList.add("selected");
      CM.$('input[name="seen"]', fresh).checked = CM.$('input[name="seen"]', old).checked;
      old.replaceWith(fresh);
      return false;
    }
    const after = CM.$$(".report-row", list).find((row) => before(fresh, row));
    if (!after && !last && order !== "newest") return true; // it belongs to a later page
    fresh.classList.add("fresh");
    if (after) after.before(fresh);
    else list.append(fresh);
    return true;
  }

  /** Whether a row stands before another one, in the order of this list. */
  function before(one, other) {
    if (order === "urgent") return Number(one.dataset.due) < Number(other.dataset.due);
    const apart = Number(one.dataset.number) - Number(other.dataset.number);
    return order === "oldest" ? apart < 0 : apart > 0;
  }

  function take(body) {
    seq = body.seq;
    let arrived = 0;
    body.rows.map((row) => row.id).concat(body.gone).forEach(CM.deskForget);
    body.rows.forEach((row) => { if (put(row)) arrived += 1; });
    body.gone.forEach((id) => {
      CM.deskGone(id);
      const old = document.getElementById("row-" + id);
      if (old && !old.classList.contains("selected")) old.remove();
    });
    Object.entries(body.counts).forEach(([status, n]) => CM.$$('[data-count="' + status + '"]').forEach((node) => { node.textContent = CM.number(n); }));
    Object.entries(body.views).forEach(([id, n]) => CM.$$('[data-view-count="' + id + '"]').forEach((node) => { node.textContent = n > MOST ? CM.number(MOST) + "+" : CM.number(n); }));
    figures(body);
    CM.deskLooks(body.looks);
    CM.deskLasts();
    CM.deskSettleList();
    const empty = CM.$("#queue-empty");
    if (empty) empty.hidden = list.children.length > 0;
    if (arrived) CM.$("#spoken").textContent = CM.t("arrived", { n: CM.number(arrived) });
    const open = desk.dataset.open;
    if (open && !desk.dataset.warned && !CM.deskOwn(open) && (body.gone.includes(open) || body.rows.some((row) => row.id === open))) {
      desk.dataset.warned = "yes";
      CM.toast(CM.t("taken"), { label: CM.t("load_again"), run: CM.deskAgain });
    }
  }

  function figures(body) {
    if (body.matched !== null) CM.$("#matched").textContent = CM.number(body.matched);
    CM.$("#oldest").hidden = !body.oldest;
    if (body.oldest) CM.$("#oldest time").setAttribute("datetime", body.oldest);
    CM.$("#median").hidden = body.median === null;
    if (body.median !== null) CM.$("#median [data-minutes]").textContent = CM.number(body.median);
  }

  async function ask() {
    if (asking) { again = true; return; }
    asking = true;
    clearTimeout(timer);
    const address = new URL(desk.dataset.news, location.href);
    try {
      let more = true;
      while (more) {
        address.searchParams.set("since", seq);
        if (Date.now() - counted > COUNT_MS) { counted = Date.now(); address.searchParams.set("views", "yes"); } else address.searchParams.delete("views");
        const body = await CM.ask(address.href);
        more = body.more;
        take(body);
      }
      wait = 4000;
    } catch (wrong) {
      wait = Math.min(60000, Math.max(wait * 2, (wrong.retryAfter || 0) * 1000));
      if (wrong.status === 401 || wrong.status === 403) return; // signed out: the next click says so
    } finally {
      asking = false;
    }
    if (again) { again = false; ask(); return; }
    // with a stream this is only for who looks at what, and a safety net
    timer = setTimeout(ask, (stream && stream.readyState === 1 ? 15000 : wait) * (0.85 + Math.random() * 0.3));
  }

  const soon = CM.debounce(ask, 60);
  CM.deskAsk = soon;

  function listen() {
    const url = desk.dataset.stream;
    if (!url || !window.EventSource || stream) return;
    stream = new EventSource(url + (url.includes("?") ? "&" : "?") + "since=" + seq);
    stream.addEventListener("report", soon);
    stream.addEventListener("error", () => {
      if (stream && stream.readyState === 2) { stream = null; setTimeout(listen, 30000); } // no place left: poll, try later
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (stream) { stream.close(); stream = null; }
      clearTimeout(timer);
    } else { listen(); ask(); }
  });
  listen();
  timer = setTimeout(ask, 1500);
})();

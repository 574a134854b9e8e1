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
  let last = desk.dataset.last === "yes";
  let seq = Number(desk.dataset.seq);
  let asking = false;
  let again = false;
  let wait = 4000;
  let timer = 0;
  let stream = null;
  let counted = 0;
  const COUNT_MS = 15000; // between two counts of the views, which cost a question each
  const MOST = 1000; // to which they are counted
  const ROUNDS = 3; // of news at once; where there are more, or that many rows, the page costs less
  const ROWS = 200;
  const box = (row) => CM.$('input[name="seen"]', row);
  let unseen = 0; // chosen rows that changed in this round

  /** What stands for `old` from now on takes over its marks, not the choice of what has changed since: whoever acts on
      many must have seen each of them. → what has the cursor now, if `here`, which had it, was in the row. */
  function takeOver(old, fresh, here) {
    if (old.classList.contains("selected")) {
      fresh.classList.add("selected");
      CM.$(".title a", fresh).setAttribute("aria-current", "true");
    }
    if (box(old).checked && box(old).value === box(fresh).value) box(fresh).checked = true;
    else if (box(old).checked) unseen += 1;
    if (!old.contains(here)) return null;
    return here === box(old) ? box(fresh) : CM.$(".title a", fresh);
  }

  /** Where the cursor goes when its row leaves the list: to the row beside it. */
  function beside(row) {
    const other = row.nextElementSibling || row.previousElementSibling;
    if (other) return CM.$(".title a", other);
    const head = CM.$("#queue-head");
    head.tabIndex = -1;
    return head;
  }
  function drop(row) {
    const held = row.contains(document.activeElement) && beside(row);
    row.remove();
    if (held) held.focus({ preventScroll: true });
  }

  const stays = (row) => box(row).checked || row.classList.contains("selected");
  /** Put the row where it belongs; false: that is on a later page. */
  function insert(row) {
    const after = CM.$$(".report-row", list).find((other) => before(row, other));
    if (!after && !last && order !== "newest") return false;
    if (after) after.before(row);
    else list.append(row);
    return true;
  }

  function put(row) {
    CM.deskBack(row.id);
    const holder = document.createElement("template");
    holder.innerHTML = row.html; // our own page's markup: Jinja escaped what people wrote
    const fresh = holder.content.querySelector("li");
    row.drawn = fresh;
    CM.$$("time[data-ago]", fresh).forEach(CM.freshen);
    const old = document.getElementById("row-" + row.id);
    if (!old) {
      fresh.classList.add("fresh");
      insert(fresh);
      return true;
    }
    let held = takeOver(old, fresh, document.activeElement);
    old.replaceWith(fresh);
    if (order === "urgent" && old.dataset.due !== fresh.dataset.due) {
      const other = held && beside(fresh);
      fresh.remove();
      if (!insert(fresh)) {
        if (stays(fresh)) list.append(fresh);
        else held = other;
      }
    }
    if (held) held.focus({ preventScroll: true });
    return false;
  }

  /** The list as the server has it now, where so much came that all the rows between cost more. Rows that are chosen, open
      or in use stay. */
  async function renew() {
    const asked = Date.now();
    const answer = await fetch(desk.dataset.desk + location.search, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) throw new Error("answered " + answer.status);
    const text = await answer.text();
    await CM.deskDone();
    if (CM.deskActed(asked)) { again = true; return; }
    const page = new DOMParser().parseFromString(text, "text/html").querySelector("#desk");
    const here = document.activeElement;
    const kept = CM.$$(".report-row", list).filter((row) => stays(row) || row.contains(here));
    seq = Number(page.dataset.seq);
    last = page.dataset.last === "yes";
    list.replaceChildren(...CM.$$(".report-row", page).map((row) => document.adoptNode(row)));
    CM.$$("time[data-ago]", list).forEach(CM.freshen);
    CM.deskForget();
    CM.$$(".report-row", list).forEach((row) => CM.deskBack(row.dataset.id));
    let held = null;
    kept.forEach((row) => {
      const fresh = document.getElementById(row.id);
      if (fresh) held = takeOver(row, fresh, here) || held;
      else if (!insert(row)) list.append(row);
      if (!fresh && row.contains(here)) held = here;
    });
    const pager = CM.$(".pager", desk);
    const more = CM.$(".pager", page);
    if (pager) pager.remove();
    if (more) CM.$("#bulk-form").before(document.adoptNode(more));
    if (held) held.focus({ preventScroll: true });
    CM.deskLasts();
    CM.deskSettleList();
    sayUnseen();
  }

  function sayUnseen() {
    if (unseen) CM.toast(CM.t("unseen", { n: CM.number(unseen) }));
    unseen = 0;
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
      if (old && !old.classList.contains("selected")) drop(old);
    });
    Object.entries(body.counts).forEach(([status, n]) => CM.$$('[data-count="' + status + '"]').forEach((node) => { node.textContent = CM.number(n); }));
    Object.entries(body.views).forEach(([id, n]) => CM.$$('[data-view-count="' + id + '"]').forEach((node) => { node.textContent = n > MOST ? CM.number(MOST) + "+" : CM.number(n); }));
    figures(body);
    CM.deskLooks(body.looks);
    CM.deskLasts();
    CM.deskSettleList();
    sayUnseen();
    const empty = CM.$("#queue-empty");
    if (empty) empty.hidden = list.children.length > 0;
    if (arrived) CM.$("#spoken").textContent = CM.t("arrived", { n: CM.number(arrived) });
    const open = desk.dataset.open;
    // a row tells its report's revision: the page that shows that one has nothing to load again
    const changed = body.rows.some((row) => row.id === open && box(row.drawn).value !== open + ":" + desk.dataset.revision);
    if (open && !desk.dataset.warned && (changed || (body.gone.includes(open) && !CM.deskOwn(open)))) {
      desk.dataset.warned = "yes";
      CM.toast(CM.t("taken"), { label: CM.t("load_again"), run: CM.deskAgain }).classList.add("of-report");
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
      for (let round = 1; more; round += 1) {
        address.searchParams.set("since", seq);
        if (Date.now() - counted > COUNT_MS) { counted = Date.now(); address.searchParams.set("views", "yes"); } else address.searchParams.delete("views");
        await CM.deskDone();
        const asked = Date.now();
        const body = await CM.ask(address.href);
        await CM.deskDone();
        const later = (id) => !CM.deskActed(asked, id);
        if (!body.rows.every((row) => later(row.id)) || !body.gone.every(later)) {
          body.rows = body.rows.filter((row) => later(row.id)); // what was done meanwhile is newer: these are asked for again
          body.gone = body.gone.filter(later);
          body.seq = seq;
          body.more = true;
        }
        more = body.more;
        take(body);
        if ((more && round >= ROUNDS) || CM.$$(".report-row:not(.chosen)", list).length > ROWS) { await renew(); break; }
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

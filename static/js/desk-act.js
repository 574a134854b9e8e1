/* Every form of a report is sent without leaving the page: what was done is said, with a way back for ten seconds, and the
   next report stands there at once when this one has left the list. A form needs nothing for that but to be on the desk. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  const UNDO_MS = 10000;
  const said = CM.$("#said");
  let timer = 0;
  let sending = false;
  /** Until an action is answered and shown, another key would mean a page that nobody has seen yet. */
  CM.deskBusy = () => sending;
  let flight = Promise.resolve();
  /** Resolves when no action is on its way: what it did to a report is told by its own answer, before the news. */
  CM.deskDone = () => flight;

  /** Say what was done; `html` is the server's own markup, with the form that takes it back. */
  CM.deskSay = function (text, html) {
    clearTimeout(timer);
    if (html) said.innerHTML = html; // our own server's markup: Jinja escaped what people wrote
    else said.replaceChildren(CM.el("p", { class: "notice", text: text }));
    timer = setTimeout(quiet, UNDO_MS);
  };
  function quiet() {
    if (said.contains(document.activeElement)) { timer = setTimeout(quiet, 3000); return; }
    said.replaceChildren();
  }
  CM.deskUndo = function () {
    const form = CM.$("#undo-form");
    if (!form) return false;
    form.requestSubmit();
    return true;
  };

  function remove(ids) {
    ids.forEach((id) => { CM.deskGone(id); const row = document.getElementById("row-" + id); if (row) row.remove(); });
  }

  const own = {}; // report → when this page last did something to it: the news of that is not somebody else's
  CM.deskOwn = (id) => Date.now() - (own[id] || 0) < 8000;
  /** Whether this page did something since then, to that report or to any: news that was asked for before is older. */
  CM.deskActed = (since, id) => (id === undefined ? Object.values(own) : [own[id] || 0]).some((at) => at >= since);

  /** Whoever works by keyboard goes on where they were: where what had the cursor is gone, at *near* or the first row. */
  function land(near) {
    const here = document.activeElement;
    if (here && here !== document.body && here.getClientRects().length) return;
    const row = near && near.isConnected ? near : CM.$("#queue-list .report-row");
    const to = row ? CM.$(".title a", row) : CM.$("#queue-head");
    if (!row) to.tabIndex = -1;
    to.focus({ preventScroll: true });
    if (row) row.scrollIntoView({ block: "nearest" });
  }

  /** The row to go on with: the first that stays after one that leaves. */
  function after(ids) {
    const all = CM.$$("#queue-list .report-row");
    const at = all.findIndex((row) => ids.includes(row.dataset.id));
    return at < 0 ? null : all.slice(at).concat(all.slice(0, at).reverse()).find((row) => !ids.includes(row.dataset.id));
  }

  async function took(form, body) {
    form.dataset.sent = ""; // what it holds is no draft any more
    const near = after(body.left);
    body.done.concat(body.left).forEach((id) => { own[id] = Date.now(); });
    CM.deskForget(desk.dataset.open);
    remove(body.left);
    body.seen.forEach((one) => { const row = document.getElementById("row-" + one.split(":")[0]); if (row) CM.$('input[name="seen"]', row).value = one; });
    body.done.filter((id) => !body.left.includes(id)).forEach(CM.deskBack);
    if (form.id === "bulk-form") CM.deskChoose(body.skipped.map((one) => one.id));
    const open = desk.dataset.open;
    const undone = form.dataset.action === "undo";
    if (undone && body.open && body.open !== open) await CM.deskGo(desk.dataset.desk + "/" + body.open + location.search);
    else if (!undone && body.left.includes(open)) await CM.deskNext();
    else if (body.done.includes(open) || form.dataset.action !== "bulk") await again();
    CM.deskSay(body.said, body.html); // when the page stands: whoever reads it goes on working
    land(near);
    CM.deskAsk();
  }

  /** The open report as it is now. */
  async function again() {
    CM.deskForget(desk.dataset.open);
    await CM.deskGo(location.pathname + location.search, false);
  }
  CM.deskAgain = again;

  async function send(form, button) {
    sending = true;
    form.classList.add("sending");
    own[desk.dataset.open] = Date.now();
    try {
      const data = new FormData(form);
      if (button && button.name) data.append(button.name, button.value);
      const answer = await fetch(button && button.hasAttribute("formaction") ? button.formAction : form.action, {
        method: "POST", body: new URLSearchParams(data), credentials: "same-origin", headers: { Accept: "text/html, application/problem+json", "X-Desk": "act" },
      });
      if (/json/.test(answer.headers.get("Content-Type") || "")) {
        const body = await answer.json();
        if (answer.ok) await took(form, body);
        else CM.deskSay(body.errors && body.errors.length ? body.errors.map((one) => one.message).join(" ") : body.detail || body.title);
      } else {
        const text = await answer.text();
        if (answer.ok || answer.status === 409 || answer.status === 422) {
          CM.deskForget(desk.dataset.open);
          form.dataset.sent = ""; // the page brings back what it held
          CM.deskShow(text);
          CM.deskAsk();
        } else CM.deskSay(CM.t("not_done", { why: answer.status }));
      }
    } catch (wrong) {
      CM.deskSay(CM.t(navigator.onLine === false ? "offline" : "network"));
    } finally {
      sending = false;
      form.classList.remove("sending");
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !desk.contains(form) || form.method !== "post" || form.dataset.leave !== undefined) return;
    if (!form.closest("#desk-work, #said") && form.id !== "bulk-form") return;
    event.preventDefault();
    if (!sending) flight = send(form, event.submitter);
  });
  if (said.children.length) timer = setTimeout(quiet, UNDO_MS);
})();

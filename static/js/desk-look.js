/* Who has a report open: this page says so while it is looked at, and shows which colleagues do. Nothing is locked. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  const RENEW_MS = 45000;
  const SOON_MS = 1500; // on a page loaded again: the one before says that it is left, after this one was asked for
  const mine = (id, what) => desk.dataset.desk + "/" + id + "/" + what;

  function leave(id) {
    const token = CM.$('meta[name="csrf-token"]').content;
    fetch(mine(id, "leave"), { method: "POST", keepalive: true, credentials: "same-origin", headers: { "X-CSRFToken": token, Accept: "application/json" } }).catch(() => { /* it ends by itself */ });
  }
  async function renew() {
    const id = desk.dataset.open;
    if (!id || document.hidden) return;
    try {
      CM.deskLooks((await CM.ask(mine(id, "look"), { method: "POST" })).looks);
    } catch (wrong) { /* it is only a courtesy */ }
  }

  /** Another report is open now. */
  CM.deskOpened = function (before, now) {
    if (before) leave(before);
    if (now) renew();
  };

  /** Show who has what open: [{id, name, since}]. */
  CM.deskLooks = function (looks) {
    const by = {};
    looks.forEach((one) => { by[one.id] = by[one.id] || one; });
    CM.$$("#queue-list .report-row").forEach((row) => {
      const place = CM.$("[data-look]", row);
      const one = by[row.dataset.id];
      if (!place) return;
      place.hidden = !one;
      place.replaceChildren(...(one ? [CM.icon("eye"), CM.el("bdi", { text: one.name })] : []));
    });
    const box = CM.$("#colleagues");
    if (!box) return;
    const here = looks.filter((one) => one.id === desk.dataset.open);
    const words = here.map((one) => CM.t("looks", { name: one.name, time: CM.lasts(one.since) })).join(" · ");
    if (box.dataset.said === words) return;
    box.dataset.said = words;
    box.hidden = !here.length;
    box.replaceChildren(CM.el("p", {}, here.length ? [CM.icon("eye"), words] : []));
  };

  setTimeout(renew, SOON_MS);
  setInterval(renew, RENEW_MS);
  document.addEventListener("visibilitychange", renew);
  window.addEventListener("pagehide", () => { if (desk.dataset.open) leave(desk.dataset.open); });
})();

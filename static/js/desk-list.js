/* The list by hand and by key: which row is meant, which rows are chosen, and what is done to all of them. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  const list = CM.$("#queue-list");
  const bulk = CM.$("#bulk-form");
  const rows = () => CM.$$(".report-row", list);
  const box = (row) => CM.$('input[name="seen"]', row);
  let from = ""; // id of the row where a range of chosen rows begins; the row itself is another one after each change

  /** Mark the row of the open report. */
  CM.deskSelect = function (id) {
    CM.$$(".selected", list).forEach((row) => { row.classList.remove("selected"); CM.$("a", row).removeAttribute("aria-current"); });
    const row = document.getElementById("row-" + id);
    if (!row) return;
    row.classList.add("selected");
    CM.$("a", row).setAttribute("aria-current", "true");
    row.scrollIntoView({ block: "nearest" });
  };

  /** How long something has lasted: "3 h". */
  CM.deskLasts = function () {
    CM.$$("time[data-lasts]", desk).forEach((node) => {
      if (node.getAttribute("datetime")) { node.textContent = CM.lasts(node.getAttribute("datetime")); node.title = CM.exact(node.getAttribute("datetime")); }
    });
  };

  const what = CM.$("#bulk-do");
  function settle() {
    what.setCustomValidity(what.value === "reject" ? CM.t("choose_why") : "");
    const n = rows().filter((row) => box(row).checked).length;
    desk.classList.toggle("choosing", n > 0);
    CM.$("#bulk-n").textContent = CM.t("chosen", { n: CM.number(n) });
    rows().forEach((row) => row.classList.toggle("chosen", box(row).checked));
  }
  CM.deskSettleList = settle;
  /** Choose these rows and no others. */
  CM.deskChoose = function (ids) {
    rows().forEach((row) => { box(row).checked = ids.includes(row.dataset.id); });
    what.value = "";
    CM.$("#bulk-reason").value = "";
    settle();
  };
  CM.deskChosen = () => rows().some((row) => box(row).checked);

  function meant() {
    const here = document.activeElement && document.activeElement.closest(".report-row");
    return here || CM.$(".selected", list);
  }
  function step(by, choosing) {
    const all = rows();
    const at = all.indexOf(meant());
    const to = all[Math.max(0, Math.min(all.length - 1, at + by))];
    if (!to) return;
    if (choosing && at >= 0) { box(all[at]).checked = true; box(to).checked = true; settle(); }
    CM.$("a", to).focus();
    to.scrollIntoView({ block: "nearest" });
  }
  CM.deskRow = {
    down: (choosing) => step(1, choosing),
    up: (choosing) => step(-1, choosing),
    choose: () => { const row = meant(); if (row) { box(row).checked = !box(row).checked; from = row.id; settle(); } },
    none: () => CM.deskChoose([]),
  };

  /** An action's letter, with rows chosen: its line of the form, and the cursor where something is left to say. */
  CM.deskBulk = function (key) {
    const option = CM.$('option[data-bulk-key="' + CSS.escape(key) + '"]', bulk);
    if (!option) return false;
    what.value = option.value;
    settle();
    const wants = option.value === "category" ? "#bulk-category" : option.value.startsWith("reject") ? "#bulk-do" : "#bulk-reason";
    CM.$(wants).focus();
    return true;
  };

  list.addEventListener("click", (event) => {
    const row = event.target.closest(".report-row");
    if (!row || !event.target.closest(".pick")) return;
    const start = document.getElementById(from);
    if (event.shiftKey && start && event.target.tagName === "INPUT") {
      const all = rows();
      const ends = [all.indexOf(start), all.indexOf(row)].sort((a, b) => a - b);
      all.slice(ends[0], ends[1] + 1).forEach((one) => { box(one).checked = box(row).checked; });
    }
    if (event.target.tagName === "INPUT") from = row.id;
    settle();
  });
  list.addEventListener("change", settle);
  what.addEventListener("change", settle);
  CM.deskLasts();
  setInterval(CM.deskLasts, 30000);
  settle();
  // whoever asked for some of the reports goes on with the first of them
  const first = CM.$(".report-row .title a", list);
  if (CM.$("#filter-line") && first && !desk.dataset.open && !CM.$("#errors")) first.focus({ preventScroll: true });
})();

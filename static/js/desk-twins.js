/* Suspected duplicates by keyboard. Each key presses what stands on the page; letters do nothing while somebody types.
   The number of groups keeps itself current, so that an empty page fills by itself. */
(function () {
  "use strict";
  const CM = window.CM;
  const page = CM.$("#twins");
  if (!page) return;
  CM.learn(page);
  const boxes = () => CM.$$('#group-form input[name="member"]');
  const roots = () => CM.$$('#group-form input[name="root"]');

  function say(text) { CM.$("#spoken").textContent = text; }

  /** The button says into which one it merges; that one takes part whether chosen or not. */
  function settle() {
    const root = roots().find((one) => one.checked);
    if (!root) return;
    CM.$("#merge-words").textContent = CM.t("merge_into", { n: CM.number(Number(root.dataset.root)) });
    CM.$$(".compare th.is-root").forEach((cell) => cell.classList.remove("is-root"));
    root.closest("th").classList.add("is-root");
  }

  /** The box that x means: the one in focus, of the column in focus, else the last report in view. */
  function meant() {
    const here = document.activeElement;
    if (here && here.name === "member") return here;
    const cell = here && here.closest && here.closest("th[id^=column-]");
    const of = (n) => boxes().find((one) => one.dataset.member === n);
    if (cell) return of(cell.id.slice(7));
    const columns = CM.$$(".compare th[id^=column-]");
    return columns.length ? of(columns[columns.length - 1].id.slice(7)) : null;
  }

  const does = {
    j: () => CM.$("#next") && CM.$("#next").click(),
    x: () => { const box = meant(); if (box) { box.click(); box.focus(); } },
    a: () => {
      const all = boxes().every((box) => box.checked);
      boxes().forEach((box) => { box.checked = !all; });
    },
    "?": () => { const keys = CM.$("#keys"); if (keys) { keys.focus(); keys.scrollIntoView({ block: "nearest" }); } },
    escape: () => document.activeElement && document.activeElement.blur(),
  };
  does.n = does.j;

  function choose(n) {
    const root = roots().find((one) => one.dataset.root === n);
    if (root) { root.checked = true; root.focus(); settle(); }
    return Boolean(root);
  }

  const typing = (node) => node.isContentEditable || /^(TEXTAREA|SELECT)$/.test(node.tagName) ||
    (node.tagName === "INPUT" && !/^(checkbox|radio)$/.test(node.type));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
    const letter = event.key.toLowerCase();
    if (letter.length === 1 && !CM.singleKeys()) return;
    if (/^[1-9]$/.test(letter)) { if (choose(letter)) event.preventDefault(); return; }
    const button = /^[a-z]$/.test(letter) && CM.$('[data-key="' + letter + '"]');
    if (button) button.click();
    else if (does[letter]) does[letter]();
    else return;
    event.preventDefault();
  });
  page.addEventListener("change", (event) => { if (event.target.name === "root") settle(); });
  settle();
  // whoever works by keyboard begins at the group; what was done before it is told as a status
  const head = CM.$("#group-head");
  if (head && !CM.$("#errors")) head.focus({ preventScroll: true });

  let wait = 8000;
  async function ask() {
    if (!document.hidden) {
      try {
        const open = (await CM.ask(page.dataset.groups)).open;
        wait = 8000;
        if (open !== Number(page.dataset.open)) {
          if (page.dataset.open === "0" && !CM.$("#group-form")) { location.replace(location.pathname); return; }
          page.dataset.open = open;
          CM.$("#groups-left").textContent = CM.number(open);
          say(CM.t("more_groups", { n: CM.number(open) }));
        }
      } catch (wrong) {
        if (wrong.status === 401 || wrong.status === 403) return; // signed out: the next click says so
        wait = Math.min(120000, Math.max(wait * 2, (wrong.retryAfter || 0) * 1000));
      }
    }
    setTimeout(ask, wait * (0.85 + Math.random() * 0.3));
  }
  setTimeout(ask, 3000);
})();

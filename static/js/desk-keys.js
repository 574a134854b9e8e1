/* The desk by keyboard. The letters of the actions are those of their registry: a button of the bar, or whatever form on the
   page carries that action. Letters do nothing while somebody types, and each is a button, link or form on the page. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  const actions = CM.json(desk, "keys"); // letter → action
  const bar = () => CM.$("#decide"); // another one after each change of the report
  const FIELDS = "textarea, input:not([type=hidden]), select";

  function panel() {
    const decide = bar();
    return decide && (CM.$(".panel.open", decide) || CM.$(".panel:target", decide));
  }

  /** A panel was opened or closed: remember where typing goes, and whether the map takes a click as the new place. */
  function settle() {
    const decide = bar();
    if (!decide) return;
    CM.$$('.action-bar a[href^="#do-"]', decide).forEach((one) => one.setAttribute("role", "button")); // links without scripts
    const hash = /^#do-[a-z-]+$/.test(location.hash) && CM.$(location.hash, decide);
    if (hash) { history.replaceState(null, "", location.pathname + location.search); open(hash); return; }
    const shown = panel();
    if (CM.placing) CM.placing(Boolean(shown && !decide.classList.contains("closed") && shown.id === "do-move"));
  }

  function open(chosen) {
    const decide = bar();
    decide.classList.remove("closed");
    decide.classList.add("by-script");
    CM.$$(".panel.open", decide).forEach((one) => one.classList.remove("open"));
    chosen.classList.add("open");
    const first = CM.$(FIELDS, chosen);
    if (first) first.focus({ preventScroll: true });
    settle();
  }

  function close() {
    const decide = bar();
    if (!decide) return;
    const shown = panel();
    decide.classList.add("closed", "by-script");
    CM.$$(".panel.open", decide).forEach((one) => one.classList.remove("open"));
    settle();
    const opener = shown && CM.$('.action-bar a[href="#' + shown.id + '"]', decide);
    const head = CM.$("#report-head");
    if (opener) opener.focus({ preventScroll: true });
    else if (head) { head.tabIndex = -1; head.focus({ preventScroll: true }); }
  }

  window.addEventListener("hashchange", settle);
  document.addEventListener("click", (event) => {
    const decide = bar();
    if (!decide || !decide.contains(event.target)) return;
    if (event.target.closest("[data-close]")) { event.preventDefault(); close(); return; }
    const opener = event.target.closest('a[href^="#do-"]');
    const chosen = opener && CM.$(opener.hash, decide);
    if (chosen) { event.preventDefault(); open(chosen); }
  });
  CM.settleDesk = settle;

  /** What the letter does on this page, or nothing. */
  function press(letter) {
    const decide = bar();
    const button = decide && CM.$('[data-key="' + CSS.escape(letter) + '"]', decide);
    if (button) { button.click(); return true; }
    const name = actions[letter];
    const work = CM.$("#desk-work");
    if (!name || !work) return false;
    const one = CM.$('button[data-action="' + name + '"]', work);
    if (one) { one.click(); return true; }
    const form = CM.$('form[data-action="' + name + '"]', work);
    if (!form) return false;
    const holder = form.closest("details");
    if (holder) holder.open = true;
    const first = CM.$(FIELDS, form);
    if (first) { first.focus(); first.scrollIntoView({ block: "nearest" }); } else form.requestSubmit();
    return true;
  }

  const click = (selector) => { const node = CM.$(selector); if (node) node.click(); return Boolean(node); };
  const dialog = CM.$("#keys");
  function help() { if (dialog.open) dialog.close(); else dialog.showModal(); return true; }
  const opener = CM.$("#show-keys");
  opener.hidden = false;
  opener.addEventListener("click", help);
  const single = CM.$("#single-keys");
  single.checked = CM.singleKeys();
  single.addEventListener("change", () => CM.singleKeys(single.checked));

  function turn() {
    const side = CM.$(".desk-side");
    const hidden = side && getComputedStyle(side).display === "none";
    return click(hidden ? ".to-side" : ".to-report");
  }

  const does = {
    n: () => { CM.deskNext(); return true; },
    backspace: () => { history.back(); return true; },
    y: () => click("#to-duplicates"),
    ".": turn,
    j: () => { CM.deskRow.down(false); return true; },
    "/": () => { CM.$(".queue-filter").open = true; CM.$("#f-q").focus(); return true; },
    "?": help,
    arrowdown: (event) => { CM.deskRow.down(event.shiftKey); return true; },
    arrowup: (event) => { CM.deskRow.up(event.shiftKey); return true; },
    " ": (event) => {
      const link = event.target.closest('a[role="button"]'); // a browser presses only buttons by it
      if (link) { link.click(); return true; }
      if (event.target.closest("button, a.button, summary, .pick")) return false; // it presses what has the focus
      CM.deskRow.choose();
      return true;
    },
  };

  const typing = (node) => node.isContentEditable || /^(TEXTAREA|SELECT)$/.test(node.tagName) ||
    (node.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(node.type));
  const moves = (node) => node.tagName === "INPUT" && node.type === "radio";
  document.addEventListener("keydown", (event) => {
    const decide = bar();
    const form = event.target.closest && event.target.closest("form");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form && desk.contains(form)) { event.preventDefault(); form.requestSubmit(); return; }
    // Enter in a choice sends its form, as it does in a field
    if (event.key === "Enter" && moves(event.target) && form) { event.preventDefault(); form.requestSubmit(); return; }
    if (event.key === "Escape" && !dialog.open) {
      if (panel() && !decide.classList.contains("closed")) { event.preventDefault(); close(); } else if (CM.deskChosen()) { event.preventDefault(); CM.deskRow.none(); } else if (typing(event.target)) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (dialog.open && event.key !== "?") return;
    const letter = event.key.toLowerCase();
    if (/^arrow|^ $/.test(letter) && (moves(event.target) || event.target.closest("#small-map"))) return;
    if (CM.deskBusy() && !/^(arrow|[/?j]$)/.test(letter)) return;
    if (event.repeat && !letter.startsWith("arrow")) return;
    if (letter.length === 1 && letter !== " " && !CM.singleKeys()) return;
    let done = false;
    if (/^[1-9]$/.test(letter)) done = click('[data-view="' + letter + '"]');
    else if (letter === "u" && CM.deskUndo()) done = true;
    else if (CM.deskChosen() && CM.deskBulk(letter)) done = true;
    else if (press(letter)) done = true;
    else if (does[letter]) done = does[letter](event);
    if (done) event.preventDefault();
  });
  settle();
})();

/* The desk by keyboard. The letters of the actions are those of their registry: a button of the bar, or whatever form on the
   page carries that action. Letters do nothing while somebody types, and each is a button, link or form on the page. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  const actions = CM.json(desk, "keys"); // letter → action
  const bar = () => CM.$("#decide"); // another one after each change of the report
  const work = () => CM.$("#desk-work"); // what the panels stand in: over the bar, or in the report where one talks with its reporter
  const FIELDS = "textarea, input:not([type=hidden]), select";

  const panel = () => CM.$(".panel.open", work()) || CM.$(".panel:target", work());
  const more = () => CM.$(".more-actions[open]", work());

  /** A panel was opened or closed: remember where typing goes, and whether the map takes a click as the new place. */
  function settle() {
    const decide = bar();
    if (!decide) return;
    CM.$$('.action-bar a[href^="#do-"]', decide).forEach((one) => one.setAttribute("role", "button")); // links without scripts
    const hash = /^#do-[a-z-]+$/.test(location.hash) && CM.$(location.hash, work());
    if (hash) { history.replaceState(null, "", location.pathname + location.search); open(hash); return; }
    const shown = panel();
    const moving = Boolean(shown) && !work().classList.contains("closed") && shown.id === "do-move";
    if (CM.placing) CM.placing(moving, moving && shown.getClientRects().length > 0);
  }

  function open(chosen) {
    work().classList.remove("closed");
    work().classList.add("by-script");
    CM.$$(".panel.open", work()).forEach((one) => one.classList.remove("open"));
    if (more()) more().open = false;
    chosen.classList.add("open");
    settle();
    const field = CM.$("[data-first]", chosen) || CM.$(FIELDS, chosen);
    const map = CM.$("#small-map", chosen); // a touch screen's keyboard would lie over it
    const first = map && window.matchMedia("(pointer: coarse)").matches ? chosen : field;
    if (first === chosen) chosen.tabIndex = -1;
    if (first) first.focus({ preventScroll: true });
    if (!bar().contains(chosen)) (first || chosen).scrollIntoView({ block: "center" });
  }

  function close() {
    const shown = panel();
    work().classList.add("closed", "by-script");
    CM.$$(".panel.open", work()).forEach((one) => one.classList.remove("open"));
    settle();
    const near = shown && (bar().contains(shown) ? CM.$(".action-bar", bar()) : shown.parentElement);
    const opener = near && CM.$('a[href="#' + shown.id + '"]', near);
    const shut = opener && opener.closest(".more-actions:not([open])");
    const head = CM.$("#report-head");
    if (opener) (shut ? CM.$("summary", shut) : opener).focus({ preventScroll: true });
    else if (head) { head.tabIndex = -1; head.focus({ preventScroll: true }); }
  }

  window.addEventListener("hashchange", settle);
  document.addEventListener("click", (event) => {
    if (!bar() || !work().contains(event.target)) return;
    if (event.target.closest("[data-close]")) { event.preventDefault(); close(); return; }
    const opener = event.target.closest('a[href^="#do-"]');
    const chosen = opener && CM.$(opener.hash, work());
    if (chosen) { event.preventDefault(); open(chosen); }
  });
  CM.settleDesk = settle;

  /** What the letter does on this page, or nothing. */
  function press(letter) {
    const decide = bar();
    const button = decide && CM.$('[data-key="' + CSS.escape(letter) + '"]', decide);
    if (button) { button.click(); return true; }
    const name = actions[letter];
    if (!name) return false;
    const one = CM.$('button[data-action="' + name + '"]', work());
    if (one) { one.click(); return true; }
    const form = CM.$('form[data-action="' + name + '"]', work());
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
    const form = event.target.closest && event.target.closest("form");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form && desk.contains(form)) { event.preventDefault(); form.requestSubmit(); return; }
    // Enter in a choice sends its form, as it does in a field
    if (event.key === "Enter" && moves(event.target) && form) { event.preventDefault(); form.requestSubmit(); return; }
    if (event.key === "Escape" && !dialog.open) {
      if (panel() && !work().classList.contains("closed")) { event.preventDefault(); close(); } else if (more()) {
        const list = more();
        list.open = false;
        CM.$("summary", list).focus({ preventScroll: true });
      } else if (CM.deskChosen()) { event.preventDefault(); CM.deskRow.none(); } else if (typing(event.target)) event.target.blur();
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

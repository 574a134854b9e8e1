/* The desk by keyboard: the letters shown in the bar, n for the next report, y for the suspected duplicates, Escape to
   leave a form. Letters do nothing
   while somebody types, and every one of them is a button or link on the page. */
(function () {
  "use strict";
  const CM = window.CM;
  const bar = () => CM.$("#decide"); // another one after each change of the report

  function panel() {
    const decide = bar();
    return decide && (CM.$(".panel:target", decide) || CM.$(".panel.open", decide));
  }

  /** A panel was opened or closed: remember where typing goes, and whether the map takes a click as the new place. */
  function settle() {
    const decide = bar();
    if (!decide) return;
    const open = CM.$(".panel:target", decide);
    if (open) {
      decide.classList.remove("closed");
      const first = CM.$("textarea, input:not([type=hidden]), select", open);
      if (first) first.focus({ preventScroll: true });
    }
    const shown = panel();
    if (CM.placing) CM.placing(Boolean(shown && !decide.classList.contains("closed") && shown.id === "do-move"));
  }

  function close() {
    const decide = bar();
    if (!decide) return;
    decide.classList.add("closed");
    if (location.hash.startsWith("#do-")) history.replaceState(null, "", location.pathname + location.search);
    // replaceState leaves :target as it was; an empty anchor that is nowhere moves it without scrolling
    if (CM.$(".panel:target", decide)) location.replace(location.pathname + location.search + "#-");
    settle();
    document.activeElement.blur();
  }

  window.addEventListener("hashchange", settle);
  document.addEventListener("click", (event) => {
    const decide = bar();
    if (!decide || !decide.contains(event.target)) return;
    if (event.target.closest("[data-close]")) { event.preventDefault(); close(); return; }
    const opener = event.target.closest('a[href^="#do-"]');
    if (!opener) return;
    decide.classList.remove("closed");
    // the same anchor a second time fires no hashchange
    if (location.hash === opener.hash) settle();
  });
  CM.settleDesk = settle;
  settle();

  const typing = (node) => node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName);
  document.addEventListener("keydown", (event) => {
    const decide = bar();
    if (event.key === "Escape" && panel() && !decide.classList.contains("closed")) { event.preventDefault(); close(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
    const letter = event.key.toLowerCase();
    const beside = { n: "#next", y: "#to-duplicates" }[letter];
    const target = beside ? CM.$(beside) : decide && CM.$('[data-key="' + CSS.escape(letter) + '"]', decide);
    if (!target) return;
    event.preventDefault();
    target.click();
  });
})();

/* What somebody began to write stays with its report: whoever goes on to another one finds it again on coming back, and is
   asked before the desk itself is left. It is kept in this page alone, for it may tell of people. */
(function () {
  "use strict";
  const CM = window.CM;
  const desk = CM.$("#desk");
  if (!desk) return;
  const drafts = new Map(); // report → {action/field: {was, now}}
  const WRITTEN = 'textarea[name]:not([readonly]), input[name]:not([type=hidden]):not([type=radio]):not([type=checkbox])';

  /** The forms of the open report; what was sent is no draft. */
  const forms = () => CM.$$("#desk-work form[data-action]").filter((form) => form.dataset.sent === undefined);
  const key = (form, field) => form.dataset.action + (form.elements.evidence_id ? form.elements.evidence_id.value : "") + "/" + field.name;

  /** What is written in a form and not sent. One that came back with errors holds its words as if they had stood there. */
  function written(form) {
    const back = Boolean(form.closest("[data-back]"));
    const fields = CM.$$(WRITTEN, form).filter((field) => back || field.dataset.touched !== undefined);
    return fields.map((field) => ({ name: key(form, field), was: back ? "" : field.defaultValue, now: field.value }))
      .filter((one) => one.now !== one.was && one.now.trim());
  }

  function title(form) {
    const panel = form.closest(".panel");
    return panel ? panel.getAttribute("aria-label") : CM.t("a_form");
  }

  /** Before another page is shown: keep what stands here. → the names of its forms */
  CM.deskKeep = function () {
    const here = {};
    const names = [];
    forms().forEach((form) => {
      const found = written(form);
      if (found.length) names.push(title(form));
      found.forEach((one) => { here[one.name] = one; });
    });
    if (names.length) drafts.set(desk.dataset.open, here);
    else drafts.delete(desk.dataset.open);
    return names;
  };

  /** Put back what was begun on the open report, where nobody has changed what stood there. → the names of its forms */
  CM.deskRestore = function () {
    const kept = drafts.get(desk.dataset.open);
    if (!kept) return [];
    const names = new Set();
    forms().forEach((form) => CM.$$(WRITTEN, form).forEach((field) => {
      const one = kept[key(form, field)];
      if (!one || one.was !== field.defaultValue || field.value !== field.defaultValue) return;
      field.value = one.now;
      field.dataset.touched = "";
      names.add(title(form));
    }));
    return Array.from(names);
  };

  // browsers write some values in their own way, times for one: only what somebody wrote is a draft
  document.addEventListener("input", (event) => { if (event.target.closest("#desk-work")) event.target.dataset.touched = ""; });
  window.addEventListener("beforeunload", (event) => {
    drafts.delete(desk.dataset.open);
    if (drafts.size || forms().some((form) => written(form).length)) {
      event.preventDefault();
      event.returnValue = ""; // what older browsers ask for
    }
  });
})();

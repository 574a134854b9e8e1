/* What every page does: times that stay current, copy buttons, short messages, menus that close. */
(function () {
  "use strict";
  const CM = window.CM;

  /** A short message at the foot of the page. action: {label, run}. Leaves after six seconds unless it has an action. */
  CM.toast = function (text, action) {
    const shelf = CM.$("#toasts");
    while (shelf.children.length > 2) shelf.firstElementChild.remove();
    const toast = CM.el("div", { class: "toast" }, CM.el("span", { text: text }));
    if (action) toast.append(CM.el("button", { type: "button", text: action.label, on: { click: () => { toast.remove(); action.run(); } } }));
    else toast.append(CM.el("button", { type: "button", text: CM.t("dismiss"), on: { click: () => toast.remove() } }));
    shelf.append(toast);
    setTimeout(() => toast.remove(), action ? 15000 : 6000);
    return toast;
  };

  /** Copy text; on plain http the clipboard interface is absent, so a selection is copied the old way. */
  CM.copy = async function (text) {
    let done = false;
    if (navigator.clipboard && window.isSecureContext) {
      done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    }
    if (!done) {
      const area = CM.el("textarea", { readonly: true, class: "visually-hidden" });
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    CM.toast(CM.t(done ? "copied" : "copy_failed"));
    return done;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      const source = CM.$(button.dataset.copy);
      CM.copy(source.value || source.textContent.trim());
      if (source.select) source.select();
    }
    CM.$$("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    CM.$$("details.menu[open]").forEach((menu) => { menu.open = false; CM.$("summary", menu).focus(); });
  });

  const SINGLE = "crowdmap-single-keys";
  let single = true;
  try { single = localStorage.getItem(SINGLE) !== "off"; } catch (wrong) { /* private windows keep nothing */ }
  /** Whether a letter alone is a key (WCAG 2.1.4: speech and slips of the hand press letters); given a value, choose. */
  CM.singleKeys = function (chosen) {
    if (chosen === undefined) return single;
    single = chosen;
    try { localStorage.setItem(SINGLE, chosen ? "on" : "off"); } catch (wrong) { /* the choice lasts for this page */ }
    return single;
  };

  CM.$$("[data-copy][hidden]").forEach((button) => { button.hidden = false; });
  const freshenAll = () => CM.$$("time[data-ago]").forEach(CM.freshen);
  freshenAll();
  setInterval(freshenAll, 30000);

  // A form that came back with errors: go to the list of them.
  const errors = CM.$("#errors");
  if (errors) errors.focus();
})();

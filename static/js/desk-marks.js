/* Words chosen with the pointer or the keyboard in a report's text stand ready in the form that masks them. */
(function () {
  "use strict";
  const CM = window.CM;
  let chosen = { report: "", words: "" };

  document.addEventListener("selectionchange", () => {
    const selection = document.getSelection();
    const node = selection && selection.rangeCount ? selection.getRangeAt(0).commonAncestorContainer : null;
    const place = node && (node.nodeType === 1 ? node : node.parentElement);
    if (!place || selection.isCollapsed || !place.closest(".marked-words")) return;
    const words = selection.toString().replace(/\s+/g, " ").trim();
    if (words) chosen = { report: CM.$("#desk").dataset.open, words: words };
  });

  document.addEventListener("focusin", (event) => {
    const field = event.target;
    if (field.id !== "mask-words" || field.value || chosen.report !== CM.$("#desk").dataset.open) return;
    field.value = chosen.words;
    field.dispatchEvent(new Event("input", { bubbles: true })); // it may be too long
    field.select();
  });
})();

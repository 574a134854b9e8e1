/* Nothing is cut without a word. A browser's own maxlength drops the end of what is pasted, silently, and counts most emoji
   twice; here the whole text stays, and the field says that it is too long before the server does. */
(function () {
  "use strict";
  const CM = window.CM;

  /** Fields that the desk puts into its page later are met when somebody goes into them. */
  function free(field) {
    if (!field.matches || !field.matches("input[maxlength], textarea[maxlength]")) return;
    field.dataset.most = field.maxLength;
    field.removeAttribute("maxlength");
  }

  function judge(field) {
    const most = Number(field.dataset.most);
    const length = [...field.value.normalize("NFC").trim()].length; // as the server counts
    const words = length > most ? CM.t("too_long", { n: CM.number(length), most: CM.number(most) }) : "";
    field.setCustomValidity(words);
    const box = field.closest(".field");
    if (!box) return; // a form of one line has no room: the browser says it when the form is sent
    let note = CM.$(".too-long", box);
    if (!note && words) {
      note = CM.el("p", { class: "error too-long", role: "status" });
      box.append(note);
    }
    if (note) { note.textContent = words; note.hidden = !words; }
  }

  document.addEventListener("focusin", (event) => free(event.target));
  document.addEventListener("input", (event) => {
    free(event.target);
    if (event.target.dataset && event.target.dataset.most) judge(event.target);
  });
})();

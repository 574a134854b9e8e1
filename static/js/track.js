/* The tracking page: one's place for a correction. Everything else works without scripts. */
(function () {
  "use strict";
  const CM = window.CM;
  const strings = CM.$("#track-strings");
  const button = CM.$("#locate");
  if (!strings || !button) return;
  CM.learn(strings);
  button.hidden = false;
  button.addEventListener("click", () => CM.locate(button.form, (text) => { CM.$("#point-words").textContent = text; }));
})();

/* The task's gentle clock: how many minutes it is still yours. Whoever is at it keeps it without asking. */
(function () {
  "use strict";
  const CM = window.CM;
  const page = CM.$("#work");
  if (!page) return;
  CM.learn(page);
  const says = CM.$("#timer");
  if (!says || !page.dataset.keep) return;
  const KEEP_MS = 60000;
  let until = new Date(page.dataset.until).getTime();
  let touched = false;
  let lost = false;

  function show() {
    const left = Math.floor((until - CM.now()) / 60000);
    const over = CM.now() >= until;
    says.classList.toggle("over", over);
    says.textContent = over ? CM.t("over") : left < 1 ? CM.t("last") : CM.t("left", { n: CM.number(left) });
  }

  async function keep() {
    if (!touched || lost) return;
    touched = false;
    try {
      const kept = await CM.ask(page.dataset.keep, { method: "POST" });
      until = CM.now() + kept.seconds * 1000;
    } catch (wrong) {
      lost = wrong.status === 409; // somebody else's by now: what is typed stays, and sending tells
      if (lost) until = CM.now();
    }
    show();
  }

  ["input", "pointerdown", "keydown"].forEach((name) => page.addEventListener(name, () => { touched = true; }));
  setInterval(keep, KEEP_MS);
  setInterval(show, 10000);
  show();
})();

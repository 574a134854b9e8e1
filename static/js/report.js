/* One report's page: the small map with the circle of how well the place is known, and "me too". */
(function () {
  "use strict";
  const CM = window.CM;

  function drawPlace(box) {
    CM.config = CM.json(box, "config");
    const feature = CM.json(box, "feature");
    const [lon, lat] = feature.geometry.coordinates;
    CM.map = L.map(box, { attributionControl: false, scrollWheelZoom: false, zoomAnimation: !CM.calm(), fadeAnimation: !CM.calm(), minZoom: 3, maxZoom: 18 });
    CM.map.setView([lat, lon], Number(box.dataset.zoom));
    L.control.attribution({ prefix: false }).addTo(CM.map);
    L.control.scale({ imperial: false }).addTo(CM.map);
    CM.basemap.start({ quiet: true });
    CM.overlays.start({ quiet: true });
    const metres = feature.properties.precision_m;
    if (metres) L.circle([lat, lon], { radius: metres, className: "precision", interactive: false }).addTo(CM.map);
    L.marker([lat, lon], { icon: L.divIcon({ className: "map-mark", html: CM.markOf(feature), iconSize: [44, 44] }), keyboard: false, interactive: false }).addTo(CM.map);
  }

  /** A random UUID (RFC 9562, version 4): randomUUID is absent on plain http. */
  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  function listen(voice) {
    CM.learn(voice);
    const key = uuid(); // one page, one voice: a second click is the same
    const form = CM.$("form", voice);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const answer = CM.$("#voice-answer");
      const button = CM.$("button", form);
      button.disabled = true;
      answer.textContent = CM.t("voice_sending");
      try {
        const fields = { text: CM.$("#voice-text").value.trim(), contact_phone: CM.$("#voice-phone").value.trim(), client_id: key };
        const told = await CM.ask(voice.dataset.url, { method: "POST", body: fields });
        if (!told.tracking_url) { // told before: more words, or a number, may follow
          button.disabled = false;
          answer.textContent = told.message;
          return;
        }
        const path = new URL(told.tracking_url).pathname;
        const words = told.message ? told.message + " " + CM.t("voice_link") : CM.t("voice_sent");
        answer.replaceChildren(words + " ", CM.el("a", { href: path, text: location.origin + path }));
      } catch (wrong) {
        button.disabled = false;
        answer.textContent = wrong.message;
      }
    });
  }

  const box = CM.$("#small-map");
  if (box) drawPlace(box);
  const voice = CM.$("#voice");
  if (voice) listen(voice);
})();

/* Finding oneself: fills lat, lon and accuracy of the form around a button with the id "locate". */
(function () {
  "use strict";
  const CM = window.CM;

  /** CM.locate(form, says, done): says(text) tells what happens; done(coords) runs once it is known. */
  CM.locate = function (form, says, done) {
    if (!navigator.geolocation || !window.isSecureContext) return says(CM.t("locate_insecure"));
    says(CM.t("locating"));
    navigator.geolocation.getCurrentPosition((found) => {
      CM.setPoint(form, found.coords.latitude, found.coords.longitude, found.coords.accuracy, "gps");
      says(CM.t("located", { length: CM.metres(found.coords.accuracy) }));
      if (done) done(found.coords);
    }, (wrong) => says(CM.t(wrong.code === 1 ? "locate_denied" : "locate_failed")), { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 });
  };

  CM.setPoint = function (form, lat, lon, accuracy, source) {
    form.elements.lat.value = lat === null ? "" : lat.toFixed(6);
    form.elements.lon.value = lon === null ? "" : lon.toFixed(6);
    form.elements.accuracy_m.value = accuracy === null ? "" : String(Math.max(1, Math.round(accuracy)));
    if (form.elements.located_by) form.elements.located_by.value = source || "";
    form.dispatchEvent(new CustomEvent("cm:point"));
  };
})();

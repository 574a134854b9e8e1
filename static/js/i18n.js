/* Words come from the server's gettext in data-strings; numbers and times are put in the reader's language by Intl. */
(function () {
  "use strict";
  const CM = (window.CM = window.CM || {});
  const language = document.documentElement.lang || "en";
  const zone = document.body.dataset.timezone || "UTC";
  const strings = {};

  const locale = (make) => { try { return make(language); } catch (wrong) { return make("en"); } };
  const numbers = locale((tag) => new Intl.NumberFormat(tag));
  const relative = locale((tag) => new Intl.RelativeTimeFormat(tag, { numeric: "always", style: "short" }));
  const exact = locale((tag) => new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short", timeZone: zone }));
  const dates = locale((tag) => new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeZone: zone }));
  const days = locale((tag) => new Intl.DateTimeFormat(tag, { day: "numeric", month: "short", timeZone: "UTC" }));
  const clock = locale((tag) => new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", timeZone: zone }));
  const units = (unit, digits) => locale((tag) => new Intl.NumberFormat(tag, { style: "unit", unit: unit, unitDisplay: "short", maximumFractionDigits: digits }));
  const lengths = { second: units("second", 0), meter: units("meter", 0), kilometer: units("kilometer", 1) };

  /** Take the strings of an element's data-strings; a page may have several such elements. */
  CM.learn = (node) => Object.assign(strings, CM.json(node, "strings"));
  CM.learn(document.body);

  /** The string of that name with {placeholders} filled. An unknown name shows itself, so a gap is seen. */
  CM.t = (name, values) => (strings[name] === undefined ? name : strings[name]).replace(/\{(\w+)\}/g, (all, key) => (values && key in values ? values[key] : all));

  CM.number = (n) => numbers.format(n);
  CM.exact = (moment) => exact.format(new Date(moment));
  CM.hour = (moment) => exact.formatRange(new Date(moment), new Date(new Date(moment).getTime() + 3600000));
  CM.day = (iso) => days.format(new Date(iso + "T00:00:00Z"));
  CM.clock = (moment) => clock.format(new Date(moment));
  CM.seconds = (n) => lengths.second.format(n);
  CM.metres = (m) => (m < 1000 ? lengths.meter.format(Math.round(m)) : lengths.kilometer.format(m / 1000));

  const STEPS = [["minute", 60], ["hour", 3600], ["day", 86400], ["month", 2629800], ["year", 31557600]];
  const LONG_AGO = 45 * 86400; // older than this the day says more than "11 mo. ago"
  /** "12 min ago"; moments up to a minute old, or a little ahead of this clock, are "just now".
      hourly: the moment was cut to the hour before it was told, so no minute is. */
  CM.ago = function (moment, hourly) {
    const seconds = ((CM.now ? CM.now() : Date.now()) - new Date(moment).getTime()) / 1000;
    if (hourly && seconds < 3600 && seconds > -300) return CM.t("this_hour");
    if (seconds < 60 && seconds > -300) return CM.t("now");
    if (seconds > LONG_AGO) return dates.format(new Date(moment));
    const size = Math.abs(seconds);
    const [unit, length] = STEPS.filter(([, at]) => size >= at).pop() || STEPS[0];
    return relative.format(-Math.trunc(seconds / length), unit);
  };

  const spans = {};
  /** How long something has lasted, "3 hr"; less than a minute is one. */
  CM.lasts = function (moment) {
    const seconds = Math.max(60, ((CM.now ? CM.now() : Date.now()) - new Date(moment).getTime()) / 1000);
    const [unit, length] = STEPS.filter(([, at]) => seconds >= at).pop();
    spans[unit] = spans[unit] || units(unit, 0);
    return spans[unit].format(Math.trunc(seconds / length));
  };

  /** A <time> that keeps itself current; the exact time is its title. */
  CM.time = function (moment, focusable, hourly) {
    const node = CM.el("time", { datetime: moment, "data-ago": "", "data-hourly": hourly ? "" : null, tabindex: focusable ? "0" : null });
    CM.freshen(node);
    return node;
  };
  CM.freshen = function (node) {
    const moment = node.getAttribute("datetime");
    const hourly = node.hasAttribute("data-hourly");
    node.textContent = CM.ago(moment, hourly);
    node.title = hourly ? CM.hour(moment) : CM.exact(moment);
  };
})();

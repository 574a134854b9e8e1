/* What the reader asked for. Filters live in the query (a link shares them, back and forward work);
   the view and the chosen report live in the hash: #map=12/18.54/-72.33&report=ID. */
(function () {
  "use strict";
  const CM = window.CM;
  const LISTS = ["kind", "category", "status", "verification"];
  const WORDS = ["from", "until", "q"];
  const KINDS = (CM.KINDS = ["need", "offer", "damage", "information"]);
  const listeners = [];
  const filter = {};
  let view = null;
  let report = "";

  /** "-24h" as the moment it means now: the stream takes no time that moves. */
  function fixed(text) {
    const found = /^-(\d{1,4})([mhd])$/.exec(text);
    if (!found) return text;
    return new Date(Date.now() - found[1] * { m: 6e4, h: 36e5, d: 864e5 }[found[2]]).toISOString().slice(0, 19) + "Z";
  }

  function readQuery() {
    const query = new URLSearchParams(location.search);
    LISTS.forEach((name) => { filter[name] = query.getAll(name).join(",").split(",").filter(Boolean); });
    WORDS.forEach((name) => { filter[name] = fixed(query.get(name) || ""); });
    if (KINDS.every((kind) => filter.kind.includes(kind))) filter.kind = [];
    if (filter.status.length === 1 && filter.status[0] === "published") filter.status = [];
  }

  function readHash() {
    const hash = new URLSearchParams(location.hash.slice(1));
    const [zoom, lat, lon] = (hash.get("map") || "").split("/").map(Number);
    view = hash.get("map") && [zoom, lat, lon].every(Number.isFinite) && Math.abs(lat) <= 90 ? { zoom: zoom, lat: lat, lon: lon } : null;
    report = hash.get("report") || "";
  }

  function hashText() {
    const parts = [];
    if (view) parts.push("map=" + view.zoom + "/" + view.lat.toFixed(5) + "/" + view.lon.toFixed(5));
    if (report) parts.push("report=" + encodeURIComponent(report));
    return parts.length ? "#" + parts.join("&") : "";
  }

  function queryText(extra) {
    const query = new URLSearchParams();
    LISTS.forEach((name) => { if (filter[name].length) query.set(name, filter[name].join(",")); });
    WORDS.forEach((name) => { if (filter[name]) query.set(name, filter[name]); });
    Object.entries(extra || {}).forEach(([name, value]) => { if (value !== undefined && value !== "") query.set(name, value); });
    return query.toString().replace(/%2C/g, ",").replace(/%3A/g, ":");
  }

  const address = () => location.pathname + (queryText() ? "?" + queryText() : "") + hashText();
  const tell = (what) => listeners.forEach((listener) => listener(what));

  CM.state = {
    filter: filter,
    get view() { return view; },
    get report() { return report; },
    /** The filter as a query string, with more parameters such as bbox. */
    query: queryText,
    /** No layer is on: nothing to ask the server for. */
    nothing: () => filter.kind.includes("none"),
    filtered: () => LISTS.concat(WORDS).some((name) => filter[name].length > 0),
    /** Change filters: {kind: [...], q: "..."}; each change is a step of the history. */
    set(patch) {
      const before = queryText();
      Object.assign(filter, patch);
      if (queryText() === before) return;
      history.pushState(null, "", address());
      tell("filter");
    },
    clear() { this.set({ kind: [], category: [], status: [], verification: [], from: "", until: "", q: "" }); },
    moved(next) { view = next; history.replaceState(null, "", address()); },
    choose(id) { report = id || ""; history.replaceState(null, "", address()); tell("report"); },
    /** listener(what): "filter", "report" or "travel" (back, forward, an edited hash). */
    listen(listener) { listeners.push(listener); },
  };

  readQuery();
  readHash();
  const travel = () => { readQuery(); readHash(); tell("travel"); };
  window.addEventListener("popstate", travel);
})();

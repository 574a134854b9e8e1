/* The reports in view: cells when they are many, points when few. Keeps them, and takes in what the stream tells. */
(function () {
  "use strict";
  const CM = window.CM;
  const state = CM.state;
  const MOST_POINTS = 600; // above this the server would send cells: ask it again
  const listeners = {};
  let running = null;
  let slow = 0;

  const data = (CM.data = {
    mode: "points", seq: 0, matched: 0, unplaced: 0, cells: [], points: new Map(), loadedAt: 0, failed: null, ready: false,
    on(name, listener) { (listeners[name] = listeners[name] || []).push(listener); },
  });
  data.once = function (name, listener) {
    const first = () => { listeners[name] = listeners[name].filter((one) => one !== first); listener(); };
    data.on(name, first);
  };
  const tell = (name, detail) => (listeners[name] || []).forEach((listener) => listener(detail));

  const wrap = (lon) => { const turned = ((((lon + 180) % 360) + 360) % 360) - 180; return turned === -180 && lon > 0 ? 180 : turned; };

  /** The view as west,south,east,north; west > east when it crosses the antimeridian. */
  data.bbox = function (bounds) {
    const b = bounds || CM.map.getBounds();
    const south = Math.max(-90, b.getSouth());
    const north = Math.min(90, b.getNorth());
    const whole = b.getEast() - b.getWest() >= 360;
    const west = whole ? -180 : wrap(b.getWest());
    const east = whole ? 180 : wrap(b.getEast());
    return [west, south, east, north].map((degrees) => degrees.toFixed(5)).join(",");
  };

  data.inView = function (feature) {
    if (!feature.geometry) return false;
    const [lon, lat] = feature.geometry.coordinates;
    const b = CM.map.getBounds();
    return lat >= b.getSouth() && lat <= b.getNorth() && [lon - 360, lon, lon + 360].some((x) => x >= b.getWest() && x <= b.getEast());
  };

  function busy(on) {
    clearTimeout(slow);
    const page = CM.$("#map-page");
    if (on) slow = setTimeout(() => page.classList.add("loading"), 200);
    else page.classList.remove("loading");
  }

  function take(body) {
    data.mode = body.mode;
    data.seq = body.seq;
    data.matched = body.numberMatched;
    data.unplaced = body.unplaced || 0;
    data.cells = body.mode === "cells" ? body.features : [];
    data.points = new Map(body.mode === "points" ? body.features.map((feature) => [feature.id, feature]) : []);
    data.loadedAt = Date.now();
    data.failed = null;
    data.ready = true;
  }

  /** Ask for what is in view. reason: "view", "filter", "live", "retry"; an older question is dropped. */
  data.load = async function (reason) {
    if (running) running.abort();
    if (state.nothing()) {
      take({ mode: "points", seq: data.seq, numberMatched: 0, unplaced: 0, features: [] });
      tell("loaded", reason);
      return true;
    }
    const mine = (running = new AbortController());
    busy(true);
    try {
      const query = state.query({ bbox: data.bbox(), zoom: Math.round(CM.map.getZoom()) });
      take(await CM.ask(CM.config.urls.cells + "?" + query, { signal: mine.signal }));
    } catch (wrong) {
      if (wrong.name === "AbortError") return false;
      data.failed = wrong;
      tell("failed", wrong);
      return false;
    } finally {
      if (running === mine) { running = null; busy(false); }
    }
    tell("loaded", reason);
    return true;
  };

  /** One feature of the stream or of the changes. Applied at once in point mode; idempotent. Returns whether it is in view. */
  data.apply = function (feature) {
    const known = data.points.get(feature.id);
    const seq = feature.properties.seq;
    if (known && known.properties.seq > seq) return false;
    const gone = feature.properties.removed === true;
    const seen = !gone && data.inView(feature);
    if (seq > data.seq) data.seq = seq;
    if (data.mode === "points" && data.ready) {
      if (seen) {
        if (!known) data.matched += 1;
        // A new report is the newest: it goes first, an edited one keeps its place.
        data.points = known ? data.points.set(feature.id, feature) : new Map([[feature.id, feature], ...data.points]);
      } else if (known) {
        data.points.delete(feature.id);
        data.matched -= 1;
      }
      if (data.points.size > MOST_POINTS) data.load("live");
    }
    tell("change", { feature: feature, gone: gone, seen: seen, known: Boolean(known) });
    return seen || Boolean(known);
  };
})();

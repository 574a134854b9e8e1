/* The operator's own layers (roads, districts, shelters), drawn quietly, and the labels of towns and of what they name. */
(function () {
  "use strict";
  const CM = window.CM;
  const { across, down, shape } = CM.unit;
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const HIDDEN = "crowdmap.overlays.hidden";
  const overlays = []; // {name, slug, on, lines, areas, dots, names, layer}
  const MOST_LABELS = 40;
  let towns = [];
  let pane = null;
  let tiled = false;

  const STRONG = /^(motorway|trunk|primary)/;
  const MIDDLE = /^(secondary|tertiary)/;

  function classify(properties) {
    if (properties.waterway || properties.natural === "water") return { ink: "--water", width: 1.6, from: 9 };
    const road = properties.highway || "";
    if (STRONG.test(road)) return { ink: "--road-strong", width: 3, from: 0 };
    if (MIDDLE.test(road)) return { ink: "--road-strong", width: 2, from: 9 };
    if (road) return { ink: "--road", width: 1.3, from: 12 };
    return { ink: "--road-strong", width: 1.4, from: 0 };
  }

  function sort(overlay, collection) {
    const features = collection.type === "FeatureCollection" ? collection.features : [collection];
    features.forEach((feature) => {
      if (!feature.geometry) return;
      const properties = feature.properties || {};
      const name = properties.name || properties.NAME || properties.title || "";
      const style = classify(properties);
      const { type, coordinates } = feature.geometry;
      if (type.endsWith("LineString")) {
        (type === "LineString" ? [coordinates] : coordinates).forEach((line) => {
          if (line.length < 2) return;
          const item = shape(line, style);
          overlay.lines.push(item);
          if (name) overlay.names.push({ name: name, role: "road", line: item });
        });
      } else if (type.endsWith("Polygon")) {
        (type === "Polygon" ? [coordinates] : coordinates).forEach((rings, at) => {
          const items = rings.map((ring) => shape(ring));
          overlay.areas.push(items);
          if (name && !at) overlay.names.push({ name: name, role: "area", x: (items[0].west + items[0].east) / 2, y: (items[0].north + items[0].south) / 2, span: items[0].east - items[0].west });
        });
      } else if (type.endsWith("Point")) {
        (type === "Point" ? [coordinates] : coordinates).forEach(([lon, lat]) => {
          const x = across(lon);
          const y = down(lat);
          overlay.dots.push({ west: x, east: x, north: y, south: y });
          if (name) overlay.names.push({ name: name, role: "dot", x: x, y: y });
        });
      }
    });
    // Wide roads last, so that they lie over narrow ones.
    overlay.lines.sort((a, b) => a.width - b.width);
  }

  function painter(overlay) {
    return function (context, box, scale, zoom) {
      const pad = 6 / scale;
      context.lineJoin = context.lineCap = "round";
      overlay.areas.forEach((rings) => {
        if (!CM.meets(rings[0], box, pad)) return;
        context.beginPath();
        rings.forEach((item) => { CM.trace(context, item, box, scale); context.closePath(); });
        context.strokeStyle = ink("--land-line");
        context.lineWidth = 1;
        context.stroke();
      });
      const growth = zoom < 11 ? 0.5 : zoom < 14 ? 1 : zoom < 16 ? 1.7 : 2.6;
      overlay.lines.forEach((item) => {
        if (zoom < item.from || !CM.meets(item, box, pad)) return;
        context.beginPath();
        CM.trace(context, item, box, scale);
        context.strokeStyle = ink(item.ink);
        context.lineWidth = item.width * growth;
        context.stroke();
      });
      context.fillStyle = ink("--map-label");
      overlay.dots.forEach((dot) => {
        if (!CM.meets(dot, box, pad)) return;
        context.beginPath();
        context.arc((dot.west - box.west) * scale, (dot.north - box.north) * scale, 3.5, 0, 7);
        context.fill();
      });
    };
  }

  /* ---- labels: few, none over another, towns before districts before roads */

  function candidates() {
    const all = [];
    const zoom = CM.map.getZoom();
    if (!tiled) towns.forEach((town) => all.push({ name: town.name, role: "town", x: across(town.lon), y: down(town.lat) }));
    overlays.filter((overlay) => overlay.on).forEach((overlay) => overlay.names.forEach((item) => {
      if (item.role === "road" && zoom < 13) return;
      if (item.role === "dot" && zoom < 11) return;
      all.push(item);
    }));
    return all;
  }

  /** The middle of the longest straight piece of a line in view, with its angle; null where it is shorter than the name. */
  function along(item, project, size, name) {
    const flat = item.flat;
    let best = null;
    for (let i = 0; i + 3 < flat.length; i += 2) {
      const a = project(flat[i], flat[i + 1]);
      const b = project(flat[i + 2], flat[i + 3]);
      const length = a.distanceTo(b);
      if ((a.x + b.x) / 2 < 0 || (a.y + b.y) / 2 < 0 || (a.x + b.x) / 2 > size.x || (a.y + b.y) / 2 > size.y) continue;
      if (!best || length > best.length) best = { a: a, b: b, length: length };
    }
    if (!best || best.length < name.length * 3.2) return null;
    let angle = (Math.atan2(best.b.y - best.a.y, best.b.x - best.a.x) * 180) / Math.PI;
    if (angle > 90) angle -= 180;
    if (angle < -90) angle += 180;
    return { x: (best.a.x + best.b.x) / 2, y: (best.a.y + best.b.y) / 2, angle: angle };
  }

  function label() {
    pane.replaceChildren();
    const map = CM.map;
    const size = map.getSize();
    const scale = 256 * Math.pow(2, map.getZoom());
    const origin = map.getPixelBounds().min;
    const project = (x, y) => L.point(x * scale - origin.x, y * scale - origin.y);
    const taken = CM.layers ? CM.layers.obstacles() : [];
    const named = new Set();
    let n = 0;
    for (const item of candidates()) {
      if (n >= MOST_LABELS) break;
      if (named.has(item.role + item.name)) continue;
      if (item.role === "area" && item.span * scale < item.name.length * 9) continue;
      const spot = item.line ? along(item.line, project, size, item.name) : project(item.x, item.y);
      if (!spot || spot.x < -20 || spot.y < -10 || spot.x > size.x + 20 || spot.y > size.y + 10) continue;
      const half = item.name.length * (item.role === "area" ? 5 : 3.7);
      const steep = Math.abs(spot.angle || 0) * (Math.PI / 180);
      const box = { w: half * Math.cos(steep) + 4, h: half * Math.sin(steep) + 7 };
      const hits = (x, y) => taken.some((other) => Math.abs(other.x - x) < other.w + box.w && Math.abs(other.y - y) < other.h + box.h);
      // A town may step aside for a mark; a road's name belongs on its road.
      const steps = item.role === "road" ? [[0, 0]] : item.role === "dot" ? [[0, 11], [0, -11]] : [[0, 0], [0, 22], [0, -22], [0, 32], [0, -32]];
      const step = steps.find(([x, y]) => !hits(spot.x + x, spot.y + y));
      if (!step) continue;
      spot.x += step[0];
      spot.y += step[1];
      taken.push({ x: spot.x, y: spot.y, w: box.w, h: box.h });
      named.add(item.role + item.name);
      const at = map.containerPointToLayerPoint(L.point(spot.x, spot.y));
      pane.append(CM.el("span", {
        class: "map-label " + item.role, text: item.name, "aria-hidden": "true",
        style: { left: at.x + "px", top: at.y + "px", transform: "translate(-50%, -50%) rotate(" + (spot.angle || 0).toFixed(1) + "deg)" },
      }));
      n += 1;
    }
  }
  const soon = CM.debounce(() => label(), 60);

  const hiddenSlugs = () => { try { return JSON.parse(localStorage.getItem(HIDDEN)) || []; } catch (wrong) { return []; } };

  function toggle(overlay, on) {
    overlay.on = on;
    if (on) overlay.layer.addTo(CM.map); else overlay.layer.remove();
    try { localStorage.setItem(HIDDEN, JSON.stringify(overlays.filter((o) => !o.on).map((o) => o.slug))); } catch (wrong) { /* private windows keep nothing: the choice lasts for this page */ }
    soon();
  }

  async function add(entry, body) {
    const overlay = { name: entry.name, slug: entry.slug, on: false, lines: [], areas: [], dots: [], names: [] };
    sort(overlay, await CM.ask(entry.url));
    overlay.layer = new CM.PaintedLayer(painter(overlay), { pane: "overlays", maxZoom: 19, updateWhenZooming: false });
    overlays.push(overlay);
    if (!body) return toggle(overlay, !hiddenSlugs().includes(overlay.slug));
    const box = CM.el("input", { type: "checkbox", on: { change: (event) => toggle(overlay, event.target.checked) } });
    body.append(CM.el("label", { class: "facet-row" }, [box, CM.el("span", { text: overlay.name, dir: "auto" })]));
    box.checked = !hiddenSlugs().includes(overlay.slug);
    toggle(overlay, box.checked);
  }

  CM.overlays = {
    /** options.quiet: a small map in a page, without the boxes that turn overlays on and off. */
    async start(options) {
      const quiet = Boolean(options && options.quiet);
      CM.map.createPane("overlays").style.zIndex = 250;
      pane = CM.map.createPane("labels");
      pane.style.zIndex = 260;
      pane.classList.add("leaflet-zoom-hide");
      towns = CM.config.towns || [];
      CM.map.on("moveend zoomend resize", soon);
      document.addEventListener("cm:drawn", soon);
      document.addEventListener("cm:tiles", (event) => { tiled = event.detail; soon(); });
      window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => overlays.forEach((o) => o.layer.redraw()));
      soon();
      const entries = await CM.ask(CM.config.urls.overlays).catch((wrong) => { console.warn("overlays: " + wrong.message); return []; });
      if (!entries.length) return;
      const group = quiet ? null : CM.$("#backgrounds");
      if (group) group.hidden = false;
      for (const entry of entries) {
        await add(entry, group && CM.$(".facet-body", group)).catch((wrong) => console.warn(entry.name + ": " + wrong.message));
      }
    },
  };
})();

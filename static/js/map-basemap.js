/* The ground under the reports. Natural Earth coast, borders and a graticule are always there, painted on canvas tiles
   (a tile touches only the shapes whose box meets it; one vector layer took 370 ms to re-zoom on a slow phone).
   Over it raster tiles, when the operator set them: they leave by themselves when they do not come, and say so. */
(function () {
  "use strict";
  const CM = window.CM;
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /** lon, lat in degrees to the unit square of Web Mercator, y down. */
  const across = (lon) => lon / 360 + 0.5;
  const down = (lat) => {
    const s = Math.sin((Math.max(-85.0511, Math.min(85.0511, lat)) * Math.PI) / 180);
    return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI);
  };

  /** A line or ring as flat unit coordinates with its box. */
  function shape(coordinates, extra) {
    const flat = new Float64Array(coordinates.length * 2);
    let west = 2, north = 2, east = -1, south = -1;
    coordinates.forEach(([lon, lat], at) => {
      const x = across(lon);
      const y = down(lat);
      flat[at * 2] = x;
      flat[at * 2 + 1] = y;
      west = Math.min(west, x); east = Math.max(east, x); north = Math.min(north, y); south = Math.max(south, y);
    });
    return Object.assign({ flat: flat, west: west, east: east, north: north, south: south }, extra);
  }
  CM.unit = { across: across, down: down, shape: shape };

  /** A tile layer painted on canvas by paint(context, box, scale, zoom); box in unit coordinates. */
  CM.PaintedLayer = L.GridLayer.extend({
    initialize(paint, options) { this._paint = paint; L.setOptions(this, options); },
    createTile(at) {
      const ratio = Math.min(2, window.devicePixelRatio || 1);
      const tile = CM.el("canvas", { width: 256 * ratio, height: 256 * ratio });
      const side = 1 / Math.pow(2, at.z);
      const wide = Math.pow(2, at.z);
      const x = ((at.x % wide) + wide) % wide;
      const context = tile.getContext("2d");
      context.scale(ratio, ratio);
      const box = { west: x * side, north: at.y * side, east: (x + 1) * side, south: (at.y + 1) * side };
      this._paint(context, box, 256 / side, at.z);
      return tile;
    },
  });

  CM.meets = (item, box, pad) => item.east >= box.west - pad && item.west <= box.east + pad && item.south >= box.north - pad && item.north <= box.south + pad;
  CM.trace = function (context, item, box, scale) {
    const flat = item.flat;
    context.moveTo((flat[0] - box.west) * scale, (flat[1] - box.north) * scale);
    for (let i = 2; i < flat.length; i += 2) context.lineTo((flat[i] - box.west) * scale, (flat[i + 1] - box.north) * scale);
  };

  let world = { land: [], borders: [] };
  let near = null; // the same, finer, inside its box
  let tiles = null;
  let paper = null;
  let quiet = false;

  function graticule(context, box, scale, zoom) {
    const step = zoom <= 3 ? 30 : zoom <= 5 ? 10 : zoom <= 7 ? 5 : zoom <= 9 ? 1 : zoom <= 11 ? 0.5 : zoom <= 13 ? 0.1 : 0.05;
    context.strokeStyle = ink("--graticule");
    context.lineWidth = 1;
    context.beginPath();
    const west = (box.west - 0.5) * 360;
    for (let lon = Math.ceil(west / step) * step; lon <= (box.east - 0.5) * 360; lon += step) {
      const x = Math.round((across(lon) - box.west) * scale) + 0.5;
      context.moveTo(x, 0); context.lineTo(x, 256);
    }
    const latOf = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
    for (let lat = Math.ceil(latOf(box.south) / step) * step; lat <= latOf(box.north); lat += step) {
      const y = Math.round((down(lat) - box.north) * scale) + 0.5;
      context.moveTo(0, y); context.lineTo(256, y);
    }
    context.stroke();
  }

  const within = (box, outer) => box.west >= outer.west && box.east <= outer.east && box.north >= outer.north && box.south <= outer.south;

  function paint(context, box, scale, zoom) {
    const { land, borders } = near && within(box, near) ? near : world;
    context.fillStyle = ink("--sea");
    context.fillRect(0, 0, 256, 256);
    const pad = 2 / scale;
    context.beginPath();
    land.forEach((rings) => {
      if (!CM.meets(rings[0], box, pad)) return;
      rings.forEach((item) => { CM.trace(context, item, box, scale); context.closePath(); });
    });
    context.fillStyle = ink("--land");
    context.fill("evenodd");
    graticule(context, box, scale, zoom);
    context.strokeStyle = ink("--land-line");
    context.lineWidth = zoom < 5 ? 0.8 : 1.2;
    context.lineJoin = "round";
    context.beginPath();
    land.forEach((rings) => {
      if (CM.meets(rings[0], box, pad)) rings.forEach((item) => { CM.trace(context, item, box, scale); context.closePath(); });
    });
    context.stroke();
    context.beginPath();
    context.setLineDash([5, 3]);
    borders.forEach((item) => { if (CM.meets(item, box, pad)) CM.trace(context, item, box, scale); });
    context.stroke();
    context.setLineDash([]);
  }

  const polygons = (geometry) => (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates).map((rings) => rings.map((ring) => shape(ring)));

  async function fetchWorld() {
    const topology = await CM.ask(CM.config.urls.world);
    const shapes = topojson.feature(topology, topology.objects.land);
    const found = shapes.type === "FeatureCollection" ? shapes.features : [shapes];
    world = {
      land: found.flatMap((feature) => polygons(feature.geometry)),
      borders: topojson.mesh(topology, topology.objects.countries, (a, b) => a !== b).coordinates.map((line) => shape(line)),
    };
    paper.redraw();
  }

  async function fetchNear() {
    if (!CM.config.urls.coast) return;
    const cut = await CM.ask(CM.config.urls.coast);
    if (!cut.features.length) return;
    const [coast, lines] = cut.features;
    const [west, south, east, north] = cut.bbox;
    near = {
      west: across(west), east: across(east), north: down(north), south: down(south),
      land: polygons(coast.geometry), borders: lines.geometry.coordinates.map((line) => shape(line)),
    };
    paper.redraw();
  }

  function addTiles() {
    const given = CM.config.tiles;
    if (!given || !given.url) return;
    let good = 0;
    let bad = 0;
    tiles = L.tileLayer(given.url, { attribution: given.attribution, maxZoom: 19, crossOrigin: false });
    const giveUp = () => {
      if (good || !tiles) return;
      clearTimeout(timer);
      tiles.remove();
      tiles = null;
      document.dispatchEvent(new CustomEvent("cm:tiles", { detail: false }));
      if (!quiet) CM.toast(CM.t("tiles_gone"), { label: CM.t("try_again"), run: addTiles });
    };
    const timer = setTimeout(giveUp, 12000);
    tiles.on("tileload", () => {
      bad = 0;
      good += 1;
      if (good === 1) document.dispatchEvent(new CustomEvent("cm:tiles", { detail: true }));
    });
    tiles.on("tileerror", () => { bad += 1; if (bad >= 8) good = 0; if (bad >= 4) giveUp(); });
    tiles.addTo(CM.map);
  }

  CM.basemap = {
    /** options.quiet: a small map in a page; nobody is told that its tiles are missing. */
    start(options) {
      quiet = Boolean(options && options.quiet);
      CM.map.createPane("paper").style.zIndex = 150;
      paper = new CM.PaintedLayer(paint, { pane: "paper", attribution: "Natural Earth", minZoom: 0, maxZoom: 19, updateWhenZooming: false });
      paper.addTo(CM.map);
      fetchWorld().catch((wrong) => console.warn("coastline: " + wrong.message));
      // The reports come first: the server cuts the finer coast once, which takes a moment.
      const finer = () => fetchNear().catch((wrong) => console.warn("coastline: " + wrong.message));
      if (CM.data) CM.data.once("loaded", finer); else finer();
      addTiles();
      window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paper.redraw());
    },
    /** Whether raster tiles are drawn, which bring labels of their own. */
    tiled: () => tiles !== null,
  };
})();

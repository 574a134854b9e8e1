/* Small helpers to build elements. Text goes in as text, never as markup: reports are written by strangers. */
(function () {
  "use strict";
  const CM = (window.CM = window.CM || {});
  const SVG = "http://www.w3.org/2000/svg";

  CM.$ = (selector, root) => (root || document).querySelector(selector);
  CM.$$ = (selector, root) => Array.from((root || document).querySelectorAll(selector));

  function fill(node, attributes, children) {
    Object.entries(attributes || {}).forEach(([name, value]) => {
      if (value === null || value === undefined || value === false) return;
      if (name === "text") node.textContent = value;
      else if (name === "on") Object.entries(value).forEach(([event, handler]) => node.addEventListener(event, handler));
      else if (name === "data") Object.entries(value).forEach(([key, item]) => { node.dataset[key] = item; });
      else if (name === "style") Object.assign(node.style, value);
      else node.setAttribute(name, value === true ? "" : value);
    });
    (Array.isArray(children) ? children : [children]).forEach((child) => {
      if (child === null || child === undefined || child === false) return;
      node.append(child);
    });
    return node;
  }

  /** An element: CM.el("p", {class: "meta", text: "…"}, [children]). */
  CM.el = (tag, attributes, children) => fill(document.createElement(tag), attributes, children);
  /** The same in the SVG namespace. */
  CM.svg = (tag, attributes, children) => fill(document.createElementNS(SVG, tag), attributes, children);
  /** An icon of the sprite. */
  CM.icon = (name, extra) => CM.svg("svg", { class: "icon" + (extra ? " " + extra : ""), "aria-hidden": "true", focusable: "false" },
    CM.svg("use", { href: document.body.dataset.sprite + "#" + name }));

  /** The mark of a report, cloned from the sheet the server drew (see mark_sheet in _macros.html). */
  CM.mark = function (kind, verification, state) {
    const sheet = document.getElementById("mark-sheet");
    const drawn = sheet.content.querySelector('[data-kind="' + kind + '"] svg') || sheet.content.querySelector("svg");
    const mark = drawn.cloneNode(true);
    mark.setAttribute("class", ["mark", kind, verification || "unverified", state || ""].join(" ").trim());
    return mark;
  };

  CM.json = (node, name) => JSON.parse(node.dataset[name] || "{}");
  CM.calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  CM.narrow = () => window.matchMedia("(max-width: 48rem)").matches;

  /** Wait until `quiet` milliseconds have passed since the last call. */
  CM.debounce = function (work, quiet) {
    let timer = 0;
    const later = (...given) => { clearTimeout(timer); timer = setTimeout(() => work(...given), quiet); };
    later.cancel = () => clearTimeout(timer);
    return later;
  };
})();

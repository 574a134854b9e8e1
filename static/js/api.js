/* One way to ask the server for JSON. Failures become an Error with code, status and a sentence for people. */
(function () {
  "use strict";
  const CM = (window.CM = window.CM || {});

  class Refused extends Error {
    constructor(code, status, message, problem, retryAfter) {
      super(message);
      this.code = code;
      this.status = status;
      this.problem = problem || null;
      this.retryAfter = retryAfter || 0;
    }
  }
  CM.Refused = Refused;

  let skew = 0;
  /** The server's time in milliseconds: clocks in the field are often hours off. */
  CM.now = () => Date.now() + skew;

  function sentence(status, problem) {
    if (problem && problem.errors && problem.errors.length) return problem.errors.map((error) => error.message).join(" ");
    if (problem && (problem.detail || problem.title)) return problem.detail || problem.title;
    return CM.t(status === 429 || status === 503 ? "busy" : "server");
  }

  /** GET (or the given method) a JSON document. options: signal, method, body (sent as JSON), headers, cache,
      anonymous (no cookie goes with it: the answer is the public one, whoever is signed in). */
  CM.ask = async function (url, options) {
    const given = options || {};
    const headers = Object.assign({ Accept: "application/json, application/geo+json, application/problem+json" }, given.headers);
    const init = { method: given.method || "GET", headers: headers, signal: given.signal, credentials: given.anonymous ? "omit" : "same-origin" };
    if (given.cache) init.cache = given.cache;
    if (init.method !== "GET") {
      const token = CM.$('meta[name="csrf-token"]');
      if (token && token.content) headers["X-CSRFToken"] = token.content;
      if (given.body !== undefined) {
        headers["Content-Type"] = "application/json";
        init.body = JSON.stringify(given.body);
      }
    }
    let answer;
    try {
      answer = await fetch(url, init);
    } catch (wrong) {
      if (wrong.name === "AbortError") throw wrong;
      const off = navigator.onLine === false;
      throw new Refused(off ? "offline" : "network", 0, CM.t(off ? "offline" : "network"));
    }
    const told = Date.parse(answer.headers.get("Date"));
    if (told && Math.abs(told - Date.now()) > 5000) skew = told - Date.now();
    const isJson = /json/.test(answer.headers.get("Content-Type") || "");
    const body = isJson ? await answer.json() : null;
    if (!answer.ok) {
      const code = (body && body.code) || "http-" + answer.status;
      throw new Refused(code, answer.status, sentence(answer.status, body), body, Number(answer.headers.get("Retry-After")) || 0);
    }
    return body;
  };
})();

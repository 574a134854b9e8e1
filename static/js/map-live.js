/* The stream. Read with fetch rather than EventSource, which hides the status: 410 means start again, 503 means poll.
   After sleep, 410 or a broken line the view is loaded again and the stream resumes from its seq. */
(function () {
  "use strict";
  const CM = window.CM;
  const SILENCE = 50000;   // the server's heart beats every 20 s; longer silence is a dead line
  const HIDDEN = 120000;   // a page nobody looks at gives its place in the stream back after this long
  const POLL = 5000;

  let state = "wait";
  let running = null;      // AbortController of the stream
  let attempt = 0;
  let retryTimer = 0;
  let pollTimer = 0;
  let heardAt = 0;
  let newsAt = 0;
  let refetchTimer = 0;
  let hiddenAt = 0;
  let tickedAt = Date.now();
  let spokenAt = 0;

  /* ---- the badge: "live ● 2 s", the age of the latest change */

  function show(next) {
    state = next || state;
    const badge = CM.$("#live");
    badge.hidden = false;
    badge.dataset.state = state;
    CM.$(".word", badge).textContent = CM.t("live_" + state);
    CM.$(".age", badge).textContent = newsAt && (state === "live" || state === "poll") ? short(Date.now() - newsAt) : "";
    badge.title = CM.t("live_" + state + "_text") + (newsAt ? " " + CM.t("live_latest", { time: CM.exact(newsAt) }) : "");
  }
  const short = (ms) => (ms < 60000 ? CM.seconds(Math.max(0, Math.round(ms / 1000))) : CM.ago(Date.now() - ms));

  /* ---- events */

  function take(feature) {
    newsAt = Date.now();
    const points = CM.data.mode === "points";
    const seen = CM.data.apply(feature);
    // In cell mode: ask again in 3 to 5 s, not all pages at the same moment; a removal may have been in view.
    if (!points && (seen || feature.properties.removed)) refetchLater();
    if (seen && !feature.properties.removed && CM.news(feature)) speak(feature);
    CM.facets.later();
    show();
  }

  function refetchLater() {
    if (refetchTimer) return;
    refetchTimer = setTimeout(() => { refetchTimer = 0; CM.data.load("live"); }, 3000 + Math.random() * 2000);
  }

  function speak(feature) {
    if (Date.now() - spokenAt < 10000) return;
    spokenAt = Date.now();
    CM.$("#spoken").textContent = CM.t("arrived", { title: CM.titleOf(feature) });
  }

  /* ---- the stream's text: blocks of "id:", "event:", "data:" lines, ended by an empty line */

  function block(text) {
    const fields = { event: "message", data: [] };
    text.split("\n").forEach((line) => {
      if (line.startsWith(":")) return;
      const at = line.indexOf(":");
      const name = at < 0 ? line : line.slice(0, at);
      const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
      if (name === "data") fields.data.push(value); else fields[name] = value;
    });
    if (fields.event === "report" && fields.data.length) take(JSON.parse(fields.data.join("\n")));
  }

  async function read(answer) {
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heardAt = Date.now();
      rest += decoder.decode(value, { stream: true }).replace(/\r/g, "");
      for (let cut = rest.indexOf("\n\n"); cut >= 0; cut = rest.indexOf("\n\n")) {
        block(rest.slice(0, cut));
        rest = rest.slice(cut + 2);
      }
    }
  }

  async function open() {
    clearTimeout(retryTimer);
    clearTimeout(pollTimer);
    if (running) running.abort();
    const mine = (running = new AbortController());
    if (CM.state.nothing()) return show("wait");
    heardAt = Date.now();
    let why = "";
    try {
      const query = CM.state.query();
      const answer = await fetch(CM.config.urls.stream + (query ? "?" + query : ""), {
        headers: { Accept: "text/event-stream", "Last-Event-ID": String(CM.data.seq) }, signal: mine.signal, credentials: "same-origin", cache: "no-store",
      });
      if (answer.status === 410) why = "gone";
      else if (answer.status === 503 || answer.status === 429) return poll(mine, Number(answer.headers.get("Retry-After")) || 30);
      else if (!answer.ok) why = "refused";
      else {
        attempt = 0;
        show("live");
        await read(answer);
        why = "ended";
      }
    } catch (wrong) {
      if (mine !== running) return; // replaced by a newer line
      why = wrong.name === "AbortError" ? "silent" : "broken";
    }
    if (mine === running) again(why);
  }

  /** Load the view, which brings a newer seq, then listen from there. The first retry is quick, later ones wait up to 30 s. */
  function again(why) {
    running = null;
    attempt += 1;
    show(navigator.onLine === false ? "off" : attempt > 1 ? "off" : "wait");
    const wait = why === "gone" ? 0 : Math.min(30000, 500 * Math.pow(2, attempt)) * (0.5 + Math.random() / 2);
    clearTimeout(retryTimer);
    retryTimer = setTimeout(async () => {
      if (why === "gone") CM.data.seq = 0;
      if (await CM.data.load("live")) open();
      else if (!running) again("broken");
    }, wait);
  }

  /** No seat in the stream: ask /feeds/changes, and try for a seat again now and then. */
  function poll(mine, retryAfter) {
    show("poll");
    const until = Date.now() + Math.max(30, retryAfter) * 1000;
    const turn = async () => {
      if (mine !== running) return;
      if (Date.now() > until) return open();
      try {
        const body = await CM.ask(CM.config.urls.changes + "?" + CM.state.query({ since: CM.data.seq, limit: 500 }), { signal: mine.signal, cache: "no-store" });
        body.features.forEach(take);
        CM.data.seq = Math.max(CM.data.seq, body.seq);
        show("poll");
        pollTimer = setTimeout(turn, body.more ? 0 : POLL * (0.8 + Math.random() * 0.4));
      } catch (wrong) {
        if (mine === running) again(wrong.status === 410 ? "gone" : "broken");
      }
    };
    pollTimer = setTimeout(turn, 2000 * Math.random());
  }

  function stop() {
    clearTimeout(retryTimer);
    clearTimeout(pollTimer);
    const line = running;
    running = null;
    if (line) line.abort();
  }

  async function resume() {
    stop();
    attempt = 0;
    show("wait");
    if (await CM.data.load("live")) open(); else again("broken");
  }

  CM.live = {
    start() {
      newsAt = 0;
      CM.state.listen((what) => { if (what === "filter") stop(); });
      CM.data.on("loaded", (reason) => { if (reason === "filter" || reason === "start" || (!running && reason === "retry")) open(); });
      window.addEventListener("offline", () => { stop(); show("off"); });
      window.addEventListener("online", resume);
      document.addEventListener("visibilitychange", () => {
        if (document.hidden) { hiddenAt = Date.now(); return; }
        if (!running) resume();
      });
      CM.$("#live").addEventListener("click", () => { CM.toast(CM.$("#live").title); if (state === "off") resume(); });
      setInterval(() => {
        const now = Date.now();
        const slept = now - tickedAt > 30000 && !document.hidden;
        tickedAt = now;
        if (document.hidden && running && now - hiddenAt > HIDDEN) { stop(); show("wait"); return; }
        if (slept) resume();
        else if (running && state === "live" && now - heardAt > SILENCE) resume();
        else show();
      }, 1000);
      show("wait");
    },
    get state() { return state; },
  };
})();

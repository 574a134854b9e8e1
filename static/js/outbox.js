/* Reports that could not be sent are kept on this device until the server has taken them. Each keeps its key, so that
   one sent twice is still one report. Needs no service worker: it works on plain http too. */
(function () {
  "use strict";
  const CM = window.CM;
  const STORE = "outbox";
  let opening = null;

  function open() {
    opening = opening || new Promise((done, failed) => {
      const asked = indexedDB.open("crowdmap", 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "id" });
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    });
    return opening;
  }

  async function within(mode, work) {
    const base = await open();
    return new Promise((done, failed) => {
      const change = base.transaction(STORE, mode);
      const asked = work(change.objectStore(STORE));
      change.oncomplete = () => done(asked.result);
      change.onerror = change.onabort = () => failed(change.error);
    });
  }

  /** Version 4, without randomUUID, which plain http does not have. */
  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  /** → {state: "sent" | "asked" | "told" | "refused" | "later", body, status, wait (seconds)}; told: a voice that said
      nothing new, so that nothing was kept. */
  async function send(fields) {
    const headers = { Accept: "application/json" };
    const token = CM.$('meta[name="csrf-token"]');
    if (token && token.content) headers["X-CSRFToken"] = token.content;
    let answer;
    try {
      answer = await fetch("/report", { method: "POST", headers: headers, body: new URLSearchParams(fields), credentials: "same-origin" });
    } catch (wrong) {
      return { state: "later", wait: 0 };
    }
    const body = await answer.json().catch(() => null);
    const enough = body && body.code === "voices-today"; // to come again in a moment is no use
    if (answer.status >= 500 || (answer.status === 429 && !enough) || body === null) return { state: "later", wait: Number(answer.headers.get("Retry-After")) || 0 };
    if (!answer.ok) return { state: "refused", status: answer.status, body: body };
    return { state: body.status === "asked" ? "asked" : body.tracking_url ? "sent" : "told", body: body };
  }

  const turned = (fields, name, value) => fields.filter((pair) => pair[0] !== name && pair[0] !== "csrf_token").concat([[name, value]]);

  CM.outbox = {
    uuid: uuid,
    send: send,
    all: () => within("readonly", (store) => store.getAll()),
    keep: (fields) => within("readwrite", (store) => store.put({ id: fields.find((pair) => pair[0] === "client_id")[1], fields: fields, at: Date.now() })),
    drop: (id) => within("readwrite", (store) => store.delete(id)),
    /** Try all once more. → {sent: [body, …], told: [body, …], refused: [body, …], left, wait}. Nobody is asked about twins here: a
        moderator joins them later. */
    async flush() {
      const result = { sent: [], told: [], refused: [], left: 0, wait: 0 };
      for (const item of await this.all()) {
        const outcome = result.wait ? { state: "later", wait: result.wait } : await send(turned(item.fields, "asked", "1"));
        if (outcome.state === "sent" || outcome.state === "told") {
          await this.drop(item.id);
          result[outcome.state].push(outcome.body);
        } else {
          result.left += 1;
          if (outcome.state === "refused") result.refused.push(outcome.body);
          else result.wait = Math.max(outcome.wait, 5);
        }
      }
      return result;
    },
  };
})();

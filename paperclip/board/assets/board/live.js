/* One stream of the company's events for each tab. Parts of the page ask anew when something concerns them.

   Without the stream the page works as before: parts that ask by themselves from time to time go on doing so.
   A part says what it wants in data-live-on (types of events, or how they begin) and, where it is about one thing,
   in data-live-about (its id). Other scripts hear every event as "paperclip:event". */
(() => {
  "use strict";

  const RETRY_MS = 2000;
  const SETTLE_MS = 100;
  const AGAIN_MS = 1000;

  let address = null; // of the stream; a page without a company has none
  let source = null;
  let mark = "";
  const asked = new WeakMap();

  const parts = () => document.querySelectorAll("[data-live-on]");

  function mentions(payload, id) {
    return [...Object.values(payload), ...Object.values(payload.details ?? {})].includes(id);
  }

  function concerns(part, event) {
    const { liveOn, liveAbout } = part.dataset;
    const isWanted = liveOn.split(" ").some((type) => event.type === type || event.type.startsWith(`${type}.`));
    return isWanted && (!liveAbout || mentions(event.payload, liveAbout));
  }

  // Events come in bursts: a part asks once for each, and at most once a second.
  function refresh(part) {
    const state = asked.get(part) ?? { at: 0, timer: null };
    asked.set(part, state);
    if (state.timer !== null) return;
    state.timer = setTimeout(() => {
      state.timer = null;
      state.at = Date.now();
      if (part.isConnected) window.htmx.trigger(part, "live");
    }, Math.max(SETTLE_MS, state.at + AGAIN_MS - Date.now()));
  }

  function told(message) {
    const event = JSON.parse(message.data);
    for (const part of parts()) {
      if (concerns(part, event)) refresh(part);
    }
    document.dispatchEvent(new CustomEvent("paperclip:event", { detail: event }));
  }

  function setOn(isOn) {
    if (isOn) document.documentElement.dataset.live = "on";
    else delete document.documentElement.dataset.live;
  }

  function close() {
    source?.close();
    source = null;
    setOn(false);
  }

  function open() {
    if (!address || source !== null || document.hidden) return;
    source = new EventSource(mark ? `${address}?lastEventId=${encodeURIComponent(mark)}` : address);
    const heard = (message) => {
      mark = message.lastEventId || mark;
      setOn(true);
    };
    source.addEventListener("message", (message) => {
      heard(message);
      told(message);
    });
    source.addEventListener("ready", heard);
    source.addEventListener("ping", heard);
    source.addEventListener("reset", (message) => {
      heard(message);
      parts().forEach(refresh);
    });
    // Not left to the browser, which would not stop for a hidden page and gives up on an answer such as 503.
    source.addEventListener("error", () => {
      close();
      setTimeout(open, RETRY_MS);
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  document.addEventListener("DOMContentLoaded", () => {
    address = document.querySelector("meta[name=live-events]")?.content;
    open();
  });
})();

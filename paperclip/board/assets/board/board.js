/* What every page of the board does by itself: times that move on, parts that refresh in place, dialogs, keys. */
(() => {
  "use strict";

  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const all = (root, selector) => [...root.querySelectorAll(selector)];

  // --- Times: the words are the server's, kept true; the absolute time is in the viewer's zone. ---

  function coarse(seconds) {
    if (seconds < HOUR) return `${Math.max(1, Math.round(seconds / MINUTE))} min`;
    if (seconds < 2 * DAY) return `${Math.round(seconds / HOUR)} h`;
    return `${Math.round(seconds / DAY)} d`;
  }

  function distance(moment) {
    const seconds = (Date.now() - moment) / 1000;
    const size = Math.abs(seconds);
    if (size < 45) return seconds >= 0 ? "just now" : "in a moment";
    if (size > 28 * DAY) return null;
    return seconds > 0 ? `${coarse(size)} ago` : `in ${coarse(size)}`;
  }

  function duration(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < MINUTE) return `${whole} s`;
    if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
    if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
    return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
  }

  function say(element, words) {
    if (words !== null && element.textContent !== words) element.textContent = words;
  }

  function tellTimes(root) {
    for (const element of all(root, "time[data-ago]")) say(element, distance(Date.parse(element.dateTime)));
  }

  function tellElapsed(root) {
    for (const element of all(root, "time[data-elapsed]")) {
      say(element, duration((Date.now() - Date.parse(element.dateTime)) / 1000));
    }
  }

  function tellDue(root) {
    for (const element of all(root, "time[data-due]")) {
      const left = (Date.parse(element.dateTime) - Date.now()) / 1000;
      say(element, left > 0 ? `in ${duration(left)}` : "due now");
    }
  }

  function nameTimes(root) {
    for (const element of all(root, "time[datetime]")) {
      element.title = new Date(element.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    }
  }

  function settle(root) {
    nameTimes(root);
    tellTimes(root);
    tellElapsed(root);
    tellDue(root);
  }

  // --- Live parts: asked for while the page is seen, put in place only when they changed. ---

  const shown = new WeakMap();
  // What a part says, without the words that move on by themselves and the tokens that are new in each answer; parsed,
  // so that spelling does not matter.
  const plain = (html) => html
    .replace(/(<time\b[^>]*>)[^<]*/g, "$1")
    .replace(/(name="csrfmiddlewaretoken" value=")[^"]*/g, "$1")
    .trim();
  const parsed = (text) => plain(new DOMParser().parseFromString(text, "text/html").body.innerHTML);

  // While events say when to ask, asking from time to time is only a precaution.
  const RARELY_MS = 30000;
  const lastAsked = new WeakMap();

  function isRest(part, asking) {
    const isByClock = asking === undefined || asking === null;
    const isTold = "liveOn" in part.dataset && document.documentElement.dataset.live === "on";
    return isByClock && isTold && Date.now() - (lastAsked.get(part) ?? 0) < RARELY_MS;
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.target;
    if (!part.matches("[data-live]")) return;
    if (document.hidden || isRest(part, event.detail.requestConfig.triggeringEvent)) event.preventDefault();
    else lastAsked.set(part, Date.now());
  });

  // A part in which somebody marks words, types or has something open is left alone until they are done.
  const heldBack = new Set();

  function isInHand(part) {
    const marked = document.getSelection();
    const isMarked = !marked.isCollapsed && (part.contains(marked.anchorNode) || part.contains(marked.focusNode));
    const isTyped = part.contains(document.activeElement) && isTyping(document.activeElement);
    return isMarked || isTyped || part.querySelector("details.menu[open], dialog[open]") !== null;
  }

  function letGo() {
    for (const part of heldBack) {
      if (isInHand(part)) continue;
      heldBack.delete(part);
      if (part.isConnected) window.htmx.trigger(part, "live");
    }
  }

  document.addEventListener("selectionchange", letGo);
  document.addEventListener("focusout", () => setTimeout(letGo));
  document.addEventListener("toggle", letGo, { capture: true });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (!part.matches("[data-live]")) return;
    const { xhr } = event.detail;
    if (xhr.status >= 400 || xhr.responseURL.includes("/login/")) {
      event.detail.shouldSwap = false;
      return;
    }
    if (isInHand(part)) {
      event.detail.shouldSwap = false;
      heldBack.add(part);
      return;
    }
    const html = parsed(xhr.responseText);
    const isLast = xhr.status === 286; // htmx stops asking only when it may put the answer in place
    if (shown.get(part) === html && !isLast) event.detail.shouldSwap = false;
    shown.set(part, html);
  });

  document.addEventListener("htmx:afterSwap", (event) => settle(event.detail.target));

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    settle(document);
  });

  // --- Dialogs, menus, forms, copying ---

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1200);
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(copied);
    for (const menu of all(document, "details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
  });

  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && event.target.method === "post") setTimeout(() => { button.disabled = true; });
  });

  // A page that comes back from the browser's memory must not keep its buttons shut.
  window.addEventListener("pageshow", () => {
    for (const button of all(document, "button[disabled]")) button.disabled = false;
  });

  // --- Keys ---

  const JUMPS = { h: "/admin/", i: "/admin/issues/issue/?view=open", a: "/admin/companies/agent/", r: "/admin/heartbeat/run/" };
  let afterG = 0;

  const isTyping = (element) => element.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;

  document.addEventListener("keydown", (event) => {
    const box = event.target;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && box.matches("[data-submit-keys]")) {
      box.form.requestSubmit();
      return;
    }
    if (event.key === "Escape") {
      for (const menu of all(document, "details.menu[open]")) menu.open = false;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(box)) return;
    if (Date.now() - afterG < 1200 && JUMPS[event.key]) {
      window.location.href = JUMPS[event.key];
    } else if (event.key === "g") {
      afterG = Date.now();
    } else if (event.key === "c") {
      window.location.href = "/admin/issues/issue/add/";
    } else if (event.key === "?") {
      document.getElementById("keys")?.showModal();
    } else if (event.key === "/") {
      const search = document.querySelector("[data-list-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });

  // A link to a document opens it.
  function openTarget() {
    const target = window.location.hash && document.getElementById(window.location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  }

  window.addEventListener("hashchange", openTarget);

  document.addEventListener("DOMContentLoaded", () => {
    openTarget();
    for (const part of all(document, "[data-live]")) shown.set(part, plain(part.innerHTML));
    settle(document);
    setInterval(() => tellElapsed(document), 1000);
    setInterval(() => tellTimes(document), 20000);
  });
})();

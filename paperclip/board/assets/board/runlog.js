/* The log of a run: read by byte offset, appended as it grows, left alone once the run is over. */
(() => {
  "use strict";

  const POLL_MS = 1000;
  const TOLD_MS = 15000; // while events say that there is more
  const RETRY_MS = 4000;
  const MOST_LINES = 20000;

  const log = document.getElementById("log");
  const follow = document.getElementById("log-follow");
  if (!log || "none" in log.dataset) return;

  const bytes = new TextEncoder();
  let offset = 0;
  let rest = "";
  let isEmpty = true;
  let open = null; // the line of each stream that has not ended yet

  const isOver = () => document.querySelector("[data-run-over]") !== null;

  function clock(text) {
    const moment = new Date(text);
    return Number.isNaN(moment.getTime()) ? "" : moment.toLocaleTimeString(undefined, { hour12: false });
  }

  function lineElement(stream, at) {
    const line = document.createElement("div");
    line.className = `log-line log-${stream}`;
    const time = document.createElement("time");
    time.textContent = clock(at);
    line.append(time, document.createElement("span"));
    return line;
  }

  // An entry is a piece of output: it may hold many lines, or part of one.
  function addEntry(entry, page) {
    const stream = ["stdout", "stderr", "system"].includes(entry.stream) ? entry.stream : "stdout";
    const pieces = String(entry.chunk ?? "").split("\n");
    pieces.forEach((piece, index) => {
      const isLast = index === pieces.length - 1;
      if (isLast && piece === "") {
        open = null;
        return;
      }
      if (open === null || open.stream !== stream) {
        open = { stream, element: lineElement(stream, entry.ts) };
        page.append(open.element);
      }
      open.element.lastChild.textContent += piece;
      if (!isLast) open = null;
    });
  }

  function add(content) {
    const lines = (rest + content).split("\n");
    rest = lines.pop();
    const page = document.createDocumentFragment();
    for (const text of lines) {
      if (!text) continue;
      try {
        addEntry(JSON.parse(text), page);
      } catch {
        addEntry({ stream: "system", chunk: `${text}\n` }, page);
      }
    }
    if (!page.childElementCount) return;
    if (isEmpty) log.replaceChildren();
    isEmpty = false;
    log.append(page);
    while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
    if (follow.checked) log.scrollTop = log.scrollHeight;
  }

  function tellEmpty(words) {
    if (isEmpty) log.firstElementChild.textContent = words;
  }

  async function read() {
    const over = isOver(); // asked before reading: what comes after it is all there is
    const response = await fetch(`${log.dataset.url}?offset=${offset}`, { headers: { Accept: "application/json" } });
    if (response.status === 404) {
      tellEmpty(over ? "This run left no log." : "Waits for the program to start…");
      return over ? null : POLL_MS;
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const page = await response.json();
    add(page.content);
    offset = page.nextOffset ?? offset + bytes.encode(page.content).length;
    if (page.nextOffset) return 0;
    if (over) {
      tellEmpty("The program wrote nothing.");
      return null;
    }
    tellEmpty("Nothing written yet…");
    return POLL_MS;
  }

  let wake = () => {};

  function pause(milliseconds) {
    const isTold = document.documentElement.dataset.live === "on" && milliseconds === POLL_MS;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, isTold ? TOLD_MS : milliseconds);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  document.addEventListener("paperclip:event", ({ detail }) => {
    if (detail.payload.runId && log.dataset.url.includes(detail.payload.runId)) wake();
  });

  async function loop() {
    for (;;) {
      let wait = RETRY_MS;
      try {
        if (!document.hidden || isEmpty) wait = await read();
        else wait = POLL_MS;
      } catch {
        tellEmpty("The log cannot be read just now; trying again.");
      }
      if (wait === null) return;
      await pause(wait);
    }
  }

  // Scrolling up is a wish to read: following stops until the end is reached again.
  log.addEventListener("scroll", () => {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (!isOver()) follow.checked = isAtEnd;
  });
  follow.addEventListener("change", () => {
    if (follow.checked) log.scrollTop = log.scrollHeight;
  });

  loop();
})();

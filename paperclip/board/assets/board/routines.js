/* Forms of routines: what a schedule will do, and the variables that a text asks for, drawn by the server while one types. */
(() => {
  "use strict";

  const SETTLE_MS = 250;

  const parsed = (html) => new DOMParser().parseFromString(html, "text/html").body;

  // Ask once the typing rests; an answer that another question has overtaken is dropped.
  function drawn(ask, put) {
    let timer = null;
    let asking = null;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        asking?.abort();
        asking = new AbortController();
        try {
          const response = await ask(asking.signal);
          if (response.ok && !response.redirected) put(parsed(await response.text()));
        } catch {
          // Overtaken, or the server is away: what stands there stays until the next key.
        }
      }, SETTLE_MS);
    };
  }

  function previewOf(form, box) {
    const refresh = drawn(
      (signal) => {
        const fields = new URLSearchParams(new FormData(form));
        fields.delete("csrfmiddlewaretoken");
        return fetch(`${box.dataset.preview}?${fields}`, { signal });
      },
      (fresh) => box.replaceChildren(...fresh.childNodes),
    );
    form.addEventListener("input", refresh);
    for (const button of document.querySelectorAll("[data-cron]")) {
      button.addEventListener("click", () => {
        form.elements.cron_expression.value = button.dataset.cron;
        refresh();
      });
    }
  }

  const namesIn = (root) => [...root.querySelectorAll("[data-variable]")].map((one) => one.dataset.variable).join(" ");

  function showOptions(block) {
    const type = block.querySelector("select");
    block.querySelector("[data-options]").classList.toggle("no-options", type.value !== "select");
  }

  function variablesOf(form, box) {
    const refresh = drawn(
      (signal) => fetch(box.dataset.variables, { method: "POST", body: new FormData(form), signal }),
      (fresh) => {
        // Only other names are news: what is being typed into the fields of the same ones stays under the hand.
        if (namesIn(fresh) !== namesIn(box)) box.replaceChildren(...fresh.childNodes);
      },
    );
    form.addEventListener("input", (event) => {
      if (["title", "description"].includes(event.target.name)) refresh();
    });
    box.addEventListener("change", (event) => {
      const block = event.target.closest("[data-variable]");
      if (block) showOptions(block);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("form.form-page");
    const preview = document.querySelector("[data-preview]");
    const variables = document.querySelector("[data-variables]");
    if (preview) previewOf(form, preview);
    if (variables) variablesOf(form, variables);
  });
})();

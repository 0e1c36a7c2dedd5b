/* Files that are chosen or dropped go to the interface one after another; then the list beside them is drawn anew. */
(() => {
  "use strict";

  const words = (size) => (size < 1e6 ? `${Math.max(1, Math.round(size / 1e3))} kB` : `${(size / 1e6).toFixed(1)} MB`);

  function line(form, name) {
    const item = document.createElement("li");
    item.className = "row-line";
    const title = document.createElement("span");
    title.className = "row-text";
    title.textContent = name;
    const said = document.createElement("span");
    said.className = "row-side quiet";
    item.append(title, said);
    form.querySelector("[data-upload-said]").append(item);
    return { item, said };
  }

  function refuse({ item, said }, reason) {
    item.classList.add("upload-refused");
    said.className = "wrap text-wrong";
    said.textContent = reason;
  }

  function reasonOf(request) {
    try {
      return JSON.parse(request.responseText).error;
    } catch {
      return `The server answered ${request.status}.`;
    }
  }

  function send(form, file, shown) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      const body = new FormData();
      body.append("file", file, file.name);
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) shown.said.textContent = `${Math.round((event.loaded / event.total) * 100)} %`;
      });
      request.addEventListener("load", () => done(request.status === 201 ? null : reasonOf(request)));
      request.addEventListener("error", () => done("The upload was cut off. Try again."));
      request.open("POST", form.action);
      request.send(body);
    });
  }

  async function redraw(form) {
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(form.dataset.upload);
    if (fresh) document.getElementById(form.dataset.upload).replaceWith(document.adoptNode(fresh));
  }

  async function take(form, files) {
    const most = Number(form.querySelector("input[type=file]").dataset.most) || Infinity;
    const waiting = [...files].map((file) => ({ file, shown: line(form, file.name) }));
    for (const { file, shown } of waiting) {
      const tooLarge = file.size > most ? `Larger than ${words(most)}.` : null;
      const reason = tooLarge || (await send(form, file, shown));
      if (reason) refuse(shown, reason);
      else shown.item.remove();
    }
    await redraw(form);
  }

  for (const form of document.querySelectorAll("[data-upload]")) {
    const field = form.querySelector("input[type=file]");
    // On its way down: the theme has ideas of its own about every file field.
    form.addEventListener("change", (event) => {
      event.stopPropagation();
      const files = [...field.files];
      field.value = "";
      take(form, files);
    }, true);
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
      form.addEventListener(kind, (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        form.classList.toggle("is-over", kind === "dragenter" || kind === "dragover");
        if (kind === "drop") take(form, event.dataTransfer.files);
      });
    }
  }
})();

/* Remembers which chapters the reader has finished, in this browser only. */
(() => {
  "use strict";
  const KEY = "transformer-path:finished";

  const read = () => {
    const text = localStorage.getItem(KEY); // Throws where storage is blocked.
    try {
      return new Set(JSON.parse(text) || []);
    } catch {
      return new Set();
    }
  };

  const show = (finished) => {
    for (const stop of document.querySelectorAll("[data-page]")) {
      const done = finished.has(stop.dataset.page);
      stop.classList.toggle("finished", done);
      const title = stop.querySelector("title");
      if (title) {
        stop.dataset.title ??= title.textContent;
        title.textContent = stop.dataset.title + (done ? " (finished)" : "");
      }
    }
    for (const button of document.querySelectorAll("[data-finishes]")) {
      button.setAttribute("aria-pressed", finished.has(button.dataset.finishes));
      button.hidden = false;
    }
  };

  const toggle = (page) => {
    const finished = read(); // Another tab may have finished another chapter.
    finished.delete(page) || finished.add(page);
    localStorage.setItem(KEY, JSON.stringify([...finished]));
    show(finished);
  };

  try {
    localStorage.setItem(KEY, JSON.stringify([...read()]));
    show(read());
  } catch {
    return; // Nothing can be remembered: the buttons stay hidden.
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-finishes]");
    if (button) toggle(button.dataset.finishes);
  });
  window.addEventListener("storage", () => show(read()));
})();

/* Makes every stepper of the page steppable: slider, play button, arrow keys. */
(() => {
  "use strict";
  const PACE = 900; // milliseconds a frame

  function element(name, properties) {
    return Object.assign(document.createElement(name), properties);
  }

  function enliven(stepper) {
    const frames = [...stepper.querySelectorAll(".tp-frame")];
    if (frames.length < 2) return;
    const label = stepper.getAttribute("aria-label");
    const last = frames.length - 1;
    const texts = frames.map((f) => f.querySelector("figcaption").textContent);
    const play = element("button", { type: "button", className: "tp-play" });
    const slider = element("input", { type: "range", min: 0, max: last, step: 1, value: 0 });
    const count = element("span", { className: "tp-count" });
    const said = element("p", { className: "tp-said" });
    const controls = element("div", { className: "tp-controls" });
    slider.setAttribute("aria-label", `Step of ${label}`);
    count.setAttribute("aria-hidden", "true");
    said.setAttribute("role", "status");
    controls.append(play, slider, count);
    stepper.prepend(controls);
    stepper.append(said);
    stepper.classList.add("tp-live");
    let now = 0;
    let timer = 0;

    function show(index) {
      now = Math.max(0, Math.min(last, index));
      frames.forEach((frame, i) => frame.classList.toggle("tp-now", i === now));
      slider.value = now;
      slider.setAttribute("aria-valuetext", `${now + 1} of ${last + 1}: ${texts[now]}`);
      count.textContent = `${now + 1} / ${last + 1}`;
    }

    function pause() {
      if (timer) said.textContent = texts[now]; // while it plays, it is not read out
      clearInterval(timer);
      timer = 0;
      play.textContent = "Play";
    }

    function start() {
      show(now === last ? 0 : now);
      play.textContent = "Pause";
      said.textContent = "";
      timer = setInterval(() => {
        show(now + 1);
        if (now === last) pause();
      }, PACE);
    }

    play.addEventListener("click", () => (timer ? pause() : start()));
    slider.addEventListener("input", () => {
      pause();
      show(Number(slider.value));
    });
    stepper.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -last, End: last };
      if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation(); // arrows may also turn pages
      pause();
      show(now + steps[event.key]);
      if (event.target !== slider) said.textContent = texts[now];
    });
    pause();
    show(0);
  }

  document.querySelectorAll(".tp-stepper").forEach(enliven);
})();

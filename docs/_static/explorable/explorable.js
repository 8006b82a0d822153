/* What all explorables share. `explore(NAME, start)` calls `start` with the tools below
   for every explorable of that name; it gives back the function that draws a state and
   returns the text to say. What moves otherwise than by dragging says so in a third
   argument. Colours are the book's variables, so a change of the theme repaints by
   itself. */
var explore = (() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const HINT = "Drag what is blue, or move it with the arrow keys.";
  const REST = 500; // milliseconds without a change until the text is spoken

  function html(name, properties, ...children) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  }

  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  /* Axes of the drawing: from data to points and back, and marks on them. */
  function plane(svg, number, { x, y }) {
    const scale = ([from, to, low, high]) => ({
      at: (value) => from + ((value - low) / (high - low)) * (to - from),
      limits: [low, high],
      back: (place) => low + ((place - from) / (to - from)) * (high - low),
    });
    // The marks lie where the still ones lay, and are cut off at the frame of the axes.
    const still = svg.querySelector(`.tp-moves[data-axes="${number}"]`);
    const box = { x: x[0], y: y[1], width: x[1] - x[0], height: y[0] - y[1] };
    const view = `${box.x} ${box.y} ${box.width} ${box.height}`;
    const marks = set(document.createElementNS(SVG, "svg"), {
      ...box, viewBox: view, class: "tp-marks",
    });
    if (still) still.before(marks);
    else svg.append(marks);
    return {
      x: scale(x),
      y: scale(y),
      /* A shape in a colour of the book, filled or drawn as a line. */
      mark(name, { fill = "none", stroke = "none", ...attributes }) {
        const shape = set(document.createElementNS(SVG, name), attributes);
        const paint = (colour) => (colour === "none" ? colour : `var(--tp-${colour})`);
        shape.style.fill = paint(fill);
        shape.style.stroke = paint(stroke);
        marks.append(shape);
        return shape;
      },
      path: (points) =>
        `M${points.map(([a, b]) => `${scale(x).at(a)} ${scale(y).at(b)}`).join("L")}`,
    };
  }

  const number = (value, digits = 2) =>
    value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

  function enliven(root, start, hint) {
    const { axes, ...data } = JSON.parse(root.dataset.values);
    const svg = root.querySelector("svg");
    const controls = html("div", { className: "tp-controls" });
    const shown = html("p", { className: "tp-shown" });
    const said = html("p", { className: "tp-said" });
    const knobs = []; // what shows its state again after every change
    let draw = () => "";
    let resting = 0;

    function update() {
      const text = draw();
      knobs.forEach((knob) => knob());
      shown.textContent = text;
      clearTimeout(resting);
      resting = setTimeout(() => { said.textContent = text; }, REST);
    }

    /* A number to set: keeps it within its limits and on its steps. */
    function quantity({ min, max, step, value }) {
      const state = { value };
      state.move = (wanted) => {
        const rounded = min + Math.round((wanted - min) / step) * step;
        state.value = Math.min(max, Math.max(min, Number(rounded.toFixed(6))));
        update();
      };
      return state;
    }

    /* A grip in the drawing that moves along one axis, by pointer and by keyboard. */
    function handle({ label, axis, place, read, speak, grip, ...range }) {
      const state = quantity(range);
      const group = set(document.createElementNS(SVG, "g"), {
        class: `tp-handle tp-along-${axis}`, role: "slider", tabindex: 0,
        "aria-label": label, "aria-valuemin": range.min, "aria-valuemax": range.max,
        "aria-orientation": axis === "x" ? "horizontal" : "vertical",
      });
      const touch = grip ?? { x: -14, y: -14, width: 28, height: 28 };
      const rect = (attributes, name) =>
        set(document.createElementNS(SVG, "rect"), { ...attributes, class: name });
      group.append(rect(touch, grip ? "tp-grip" : "tp-touch"));
      if (!grip) group.append(rect({ x: -6, y: -6, width: 12, height: 12, rx: 6 }, "tp-grip"));
      svg.append(group);
      const pointer = ({ clientX, clientY }) => {
        const point = new DOMPoint(clientX, clientY);
        return point.matrixTransform(svg.getScreenCTM().inverse());
      };
      let held = null; // from the grip's place to the pointer
      group.addEventListener("pointerdown", (event) => {
        const [x, y] = place(state.value);
        held = { x: pointer(event).x - x, y: pointer(event).y - y };
        group.setPointerCapture(event.pointerId);
      });
      group.addEventListener("pointermove", (event) => {
        if (!held) return;
        state.move(read(pointer(event)[axis] - held[axis]));
      });
      const release = () => { held = null; };
      group.addEventListener("pointerup", release);
      group.addEventListener("pointercancel", release);
      group.addEventListener("keydown", (event) => {
        const { step, min, max } = range;
        const steps = {
          ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step,
          PageDown: -5 * step, PageUp: 5 * step, Home: min - state.value, End: max - state.value,
        };
        if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        event.stopPropagation(); // arrows may also turn pages
        state.move(state.value + steps[event.key]);
      });
      knobs.push(() => set(group, {
        transform: `translate(${place(state.value)})`,
        "aria-valuenow": state.value, "aria-valuetext": speak(state.value),
      }));
      return state;
    }

    /* A slider below the drawing. */
    function slider({ label, speak, ...range }) {
      const state = quantity(range);
      const input = html("input", { type: "range", ...range });
      const output = html("span", { className: "tp-count" });
      controls.append(html("label", {}, html("span", {}, label), input, output));
      input.addEventListener("input", () => state.move(Number(input.value)));
      input.addEventListener("keydown", (event) => event.stopPropagation());
      knobs.push(() => {
        input.value = state.value;
        input.setAttribute("aria-valuetext", speak(state.value));
        output.textContent = speak(state.value);
      });
      return state;
    }

    /* One of several names, also by `pick`; `change` is told which. */
    function choice({ label, names, value = 0, change = () => {} }) {
      const state = { value };
      const select = html("select", {}, ...names.map((name) => html("option", {}, name)));
      controls.append(html("label", {}, html("span", {}, label), select));
      state.pick = (wanted) => {
        state.value = wanted;
        change(wanted);
        update();
      };
      select.addEventListener("change", () => state.pick(select.selectedIndex));
      knobs.push(() => { select.selectedIndex = state.value; });
      return state;
    }

    /* Groups of marks to point at, one of them chosen: by pointer, finger or arrow keys.
       `offer` says which there are now, and what each is called. */
    function pointing({ label, plane, value = 0 }) {
      const all = plane.mark("g", { role: "radiogroup", "aria-label": label });
      const own = all.parentNode.cloneNode(); // not among what is hidden from readers
      own.append(all);
      svg.append(own);
      const state = { value };
      const marks = () => [...all.children];
      const point = (n) => { state.value = n; update(); };
      state.offer = (groups, names) => {
        state.value = Math.min(state.value, groups.length - 1);
        all.replaceChildren(...groups);
        groups.forEach((group, n) => {
          set(group, { class: "tp-point", role: "radio", "aria-label": names[n] });
          for (const event of ["pointerenter", "focus"]) {
            group.addEventListener(event, () => point(n));
          }
        });
      };
      all.addEventListener("keydown", (event) => {
        const last = all.children.length - 1;
        const aims = {
          ArrowUp: state.value - 1, ArrowLeft: state.value - 1, Home: 0,
          ArrowDown: state.value + 1, ArrowRight: state.value + 1, End: last,
        };
        if (!(event.key in aims) || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        event.stopPropagation(); // arrows may also turn pages
        point(Math.min(last, Math.max(0, aims[event.key])));
        marks()[state.value].focus();
      });
      knobs.push(() => marks().forEach((group, n) => set(group, {
        "aria-checked": n === state.value, tabindex: n === state.value ? 0 : -1,
      })));
      return state;
    }

    const planes = axes.map((place, i) => plane(svg, i, place));
    draw = start({ data, planes, handle, slider, choice, pointing, set, number });
    svg.querySelectorAll(":scope > g:not(.tp-handle)").forEach((part) =>
      part.setAttribute("aria-hidden", "true"));
    set(svg, { role: "group", "aria-label": root.getAttribute("aria-label") });
    shown.setAttribute("aria-hidden", "true"); // `said` says the same, at rest
    said.setAttribute("role", "status");
    root.prepend(html("p", { className: "tp-hint" }, hint));
    root.append(controls, shown, said);
    root.classList.add("tp-hand");
    update();
  }

  return (name, start, hint = HINT) =>
    document.querySelectorAll(`.tp-explorable[data-name="${name}"]`)
      .forEach((root) => enliven(root, start, hint));
})();

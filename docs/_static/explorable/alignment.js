/* Words that were written, to point at, and where the decoder looked at each of them.

   Data: english and german, the words of each number, by its name; weights, for each
   German word one of each English word; sources, where in the English sentence each German
   word comes from, or -1; number and word, counted from 0, at the start. The word number n
   stands at y = n, the line of words from x = 0 to 1. */
"use strict";
explore("alignment", ({ data, planes: [plane], choice, pointing, set, number }) => {
  const names = Object.keys(data.english);
  const [left, right] = [0.42, 0.68]; // where the lines begin and end
  const HALF = 0.46; // a box's height, up and down
  const THICK = 12; // a line's width, if it had all the weight
  const LEAST = 0.05; // what weight is told in the text
  const put = (parent, name, attributes, content = "") => {
    const mark = plane.mark(name, attributes);
    mark.textContent = content;
    parent.append(mark);
    return mark;
  };
  const write = (parent, content, x, n, attributes = {}) => put(parent, "text", {
    x: plane.x.at(x), y: plane.y.at(n), "dominant-baseline": "central",
    "font-size": 10, ...attributes,
  }, content);
  const box = (from, to, n) => ({
    x: plane.x.at(from), width: plane.x.at(to) - plane.x.at(from), rx: 3,
    y: plane.y.at(n - HALF), height: plane.y.at(n + HALF) - plane.y.at(n - HALF),
  });

  const lines = plane.mark("g", {});
  const source = plane.mark("rect", { stroke: "ink-2", "stroke-dasharray": "3 3" });
  const read = plane.mark("g", { "aria-hidden": true }); // the text below says it
  const written = pointing({ label: "German word", plane, value: data.word });
  const which = choice({ label: "Number", names, value: data.number, change: offer });

  /* The words of a number. */
  function offer(chosen) {
    const german = data.german[names[chosen]];
    written.offer(german.map((word, n) => {
      const group = plane.mark("g", {});
      put(group, "rect", { ...box(right, 0.98, n), fill: "brand", stroke: "brand" });
      write(group, word, right + 0.02, n, { fill: "ink" });
      return group;
    }), german);
  }
  offer(data.number);

  return () => {
    const of = (values) => values[names[which.value]];
    const [english, n] = [of(data.english), written.value];
    const weights = of(data.weights)[n];
    const from = of(data.sources)[n];
    read.replaceChildren();
    lines.replaceChildren();
    english.forEach((word, t) => {
      write(read, word, left - 0.02, t, { "text-anchor": "end", fill: "ink" });
      write(read, number(weights[t]), 0.02, t, { fill: "ink-2" });
      put(lines, "path", {
        d: plane.path([[left, t], [right, n]]),
        stroke: "attention", "stroke-width": THICK * weights[t],
      });
    });
    set(source, from < 0 ? { width: 0 } : box(0.13, left, from));
    const told = english.map((word, t) => [weights[t], word])
      .filter(([weight]) => weight >= LEAST)
      .sort(([a], [b]) => b - a)
      .map(([weight, word]) => `${word} ${number(weight)}`);
    return `${of(data.german)[n]} looked at ${told.join(", ")}. ` +
      `It comes from ${from < 0 ? "none of them" : english[from]}.`;
  };
}, "Point at a German word, or choose it with the arrow keys.");

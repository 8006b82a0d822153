/* A line over its points: two grips, one for each parameter.

   Data: x, y; slope and intercept at the start; `at`, the x of the slope's grip; and
   `most`, the largest slope and intercept. */
"use strict";
explore("line", ({ data, planes: [plane], handle, set, number }) => {
  const { x, y, at } = data;
  const DOWN = 0.4; // an arrow goes downhill, this much of the gradient
  const [left, right] = plane.x.limits;
  const bar = { stroke: "failure", "stroke-width": 1.2, "stroke-opacity": 0.6 };
  const bars = x.map(() => plane.mark("path", bar));
  const line = plane.mark("path", { stroke: "linear", "stroke-width": 1.8 });
  const arrow = { stroke: "brand", "stroke-width": 1.6, "stroke-linejoin": "round" };
  const arrows = [0, at].map(() => plane.mark("path", arrow));

  const intercept = handle({
    label: "Intercept b", axis: "y", min: 0, max: data.most[1], step: 0.1, value: data.intercept,
    place: (b) => [plane.x.at(0), plane.y.at(b)],
    read: (place) => plane.y.back(place),
    speak: (b) => `b = ${number(b, 1)}`,
  });
  const slope = handle({
    label: "Slope w", axis: "y", min: 0, max: data.most[0], step: 0.05, value: data.slope,
    place: (w) => [plane.x.at(at), plane.y.at(w * at + intercept.value)],
    read: (place) => (plane.y.back(place) - intercept.value) / at,
    speak: (w) => `w = ${number(w)}`,
  });

  function point(mark, [from, rise]) {
    const [a, b, c] = [plane.x.at(from[0]), plane.y.at(from[1]), plane.y.at(from[1] + rise)];
    const head = Math.sign(c - b) * Math.min(5, Math.abs(c - b));
    set(mark, { d: `M${a} ${b}V${c}M${a - 4} ${c - head}L${a} ${c}L${a + 4} ${c - head}` });
  }

  return () => {
    const [w, b] = [slope.value, intercept.value];
    const loss = mathematics.meanSquaredError(w, b, x, y);
    const [dw, db] = mathematics.lineGradient(w, b, x, y);
    bars.forEach((mark, n) =>
      set(mark, { d: plane.path([[x[n], y[n]], [x[n], w * x[n] + b]]) }));
    set(line, { d: plane.path([[left, w * left + b], [right, w * right + b]]) });
    point(arrows[0], [[0, b], -DOWN * db]);
    point(arrows[1], [[at, w * at + b], -DOWN * dw * at]);
    return `w = ${number(w)}, b = ${number(b)}: the loss is ${number(loss)}, ` +
      `its gradient ${number(dw)} for w and ${number(db)} for b.`;
  };
});

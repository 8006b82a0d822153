/* Logits to drag, their probabilities below, and the loss of the class chosen as right.

   Data: classes, their names; logits and right, the class, at the start; `range`, the
   least and the largest logit. The class number n stands at x = n in both axes. */
"use strict";
explore("softmax", ({ data, planes: [scores, shares], handle, slider, choice, set, number }) => {
  const { classes } = data;
  const [min, max] = data.range;
  const HALF = 0.3; // a bar's width, to either side
  const box = (plane, n, value) => ({
    x: plane.x.at(n - HALF), width: plane.x.at(n + HALF) - plane.x.at(n - HALF),
    y: plane.y.at(value), height: plane.y.at(0) - plane.y.at(value),
  });
  const stems = classes.map(() =>
    scores.mark("path", { stroke: "linear", "stroke-width": 1.8 }));
  const wanted = shares.mark("rect", { stroke: "ink-2", "stroke-dasharray": "3 3" });
  const bars = classes.map(() => shares.mark("rect", { fill: "linear" }));

  const logits = data.logits.map((value, n) => handle({
    label: `Logit of ${classes[n]}`, axis: "y", min, max, step: 0.1, value,
    place: (z) => [scores.x.at(n), scores.y.at(z)],
    read: (place) => scores.y.back(place),
    speak: (z) => number(z, 1),
  }));
  const right = choice({ label: "Right class", names: classes, value: data.right });
  const power = slider({
    label: "Temperature", min: -2, max: 2, step: 0.1, value: 0,
    speak: (log2) => number(2 ** log2),
  });

  return () => {
    const z = logits.map(({ value }) => value);
    const temperature = 2 ** power.value;
    const p = mathematics.softmax(z, temperature);
    const loss = mathematics.crossEntropy(z, right.value, temperature);
    stems.forEach((stem, n) => set(stem, { d: scores.path([[n, 0], [n, z[n]]]) }));
    bars.forEach((bar, n) => set(bar, box(shares, n, p[n])));
    set(wanted, box(shares, right.value, 1));
    const all = classes.map((name, n) => `${number(100 * p[n], 1)}% for ${name}`);
    return `At temperature ${number(temperature)}: ${all.join(", ")}. ` +
      `If ${classes[right.value]} is right, the loss is ${number(loss)}.`;
  };
});

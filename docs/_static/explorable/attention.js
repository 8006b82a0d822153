/* Who weighs whom: the scores of one position to drag, the weights of all of them below,
   and what the one gets: the average of the values.

   Data: words, the positions; scores, (T, T), a row for each that asks; value, a number
   each; row, the one that asks first; masks, (T, T) each, by name, true where a position
   may look; scale, by which scores are divided; and `range`, the least and the largest
   score. The position number n is asked at x = n in all axes, and asks at y = n. */
"use strict";
explore("attention", ({ data, planes, handle, slider, choice, set, number }) => {
  const { words, scores, value, masks } = data;
  const [products, weights, values] = planes;
  const [min, max] = data.range;
  const hiding = Object.keys(masks);
  const span = (axis, from, to) => {
    const [low, high] = [axis.at(from), axis.at(to)].sort((a, b) => a - b);
    return [low, high - low];
  };
  const box = (from, to, t) => {
    const [x, width] = span(weights.x, from - 0.5, to + 0.5);
    const [y, height] = span(weights.y, t - 0.5, t + 0.5);
    return { x, y, width, height };
  };
  const stems = words.map(() =>
    products.mark("path", { stroke: "attention", "stroke-width": 1.8 }));
  const cells = words.map((_, t) => words.map((__, n) => weights.mark("rect", {
    fill: "attention", stroke: "hairline", "stroke-width": 0.8, ...box(n, n, t),
  })));
  const crosses = words.map((_, t) => words.map((__, n) => weights.mark("path", {
    d: weights.path([[n - 0.5, t - 0.5], [n + 0.5, t + 0.5]]), stroke: "ink-2",
  })));
  const level = values.mark("path", { stroke: "value", "stroke-dasharray": "5 3" });
  const name = values.mark("text", { fill: "value", "text-anchor": "end", "font-size": 9.75 });
  name.textContent = "result";

  const grips = words.map((word, n) => handle({
    label: `Score of ${word}`, axis: "y", min, max, step: 0.1, value: scores[data.row][n],
    place: (z) => [products.x.at(n), products.y.at(z)],
    read: (place) => products.y.back(place),
    speak: (z) => number(z, 1),
  }));
  const asks = choice({
    label: "Who asks", names: words, value: data.row,
    change: (t) => grips.forEach((grip, n) => { grip.value = scores[t][n]; }),
  });
  const hidden = choice({ label: "Hidden", names: hiding });
  const power = slider({
    label: "Divided by", min: -3, max: 5, step: 0.1, value: Math.log2(data.scale),
    speak: (log2) => number(2 ** log2),
  });
  const rows = words.map((_, t) => weights.mark("rect", {
    ...box(0, words.length - 1, t), stroke: "query", "stroke-width": 2,
    "pointer-events": "all", cursor: "pointer",
  }));
  rows.forEach((row, t) => row.addEventListener("click", () => asks.pick(t)));

  return () => {
    const asking = asks.value;
    const scale = 2 ** power.value;
    const seen = masks[hiding[hidden.value]];
    scores[asking] = grips.map((grip) => grip.value);
    const shares = scores.map((row, t) => mathematics.attend(row, seen[t], scale));
    const mine = shares[asking];
    const result = mathematics.average(mine, value);
    stems.forEach((stem, n) => set(stem, {
      d: products.path([[n, 0], [n, scores[asking][n]]]),
      "stroke-dasharray": seen[asking][n] ? "none" : "2 3",
    }));
    shares.forEach((row, t) => {
      set(rows[t], { "stroke-opacity": t === asking ? 1 : 0 });
      row.forEach((share, n) => {
        set(cells[t][n], { "fill-opacity": share });
        set(crosses[t][n], { visibility: seen[t][n] ? "hidden" : "visible" });
      });
    });
    set(level, { d: values.path([[-0.5, result], [words.length - 0.5, result]]) });
    set(name, { x: values.x.at(values.x.limits[1]), y: values.y.at(result) + 3 });
    const all = words.map((word, n) =>
      (seen[asking][n] ? `${number(100 * mine[n], 1)}% for ${word}` : `${word} is hidden`));
    return `“${words[asking]}” asks, divided by ${number(scale)}: ${all.join(", ")}. ` +
      `Entropy ${number(mathematics.entropy(mine))}, result ${number(result)}.`;
  };
});

/* The next token of a trained model: which may be drawn, and with which probability.

   Data: logits, for each place those of all tokens, the largest first; tokens, for each
   place the texts of the first of them, as many as there are rows; place, the name of the
   first; and temperature, k, p and m, where the sliders stand. The token number n lies at
   y = n, probabilities along x. */
"use strict";
explore("sampler", ({ data, planes: [shares], handle, slider, choice, set, number }) => {
  const names = Object.keys(data.logits);
  const rows = data.tokens[data.place].length;
  const all = data.logits[data.place].length;
  const HALF = 0.32; // a bar's width, to either side
  const box = (n, share) => ({
    x: shares.x.at(0), width: shares.x.at(share) - shares.x.at(0),
    y: Math.min(shares.y.at(n - HALF), shares.y.at(n + HALF)),
    height: Math.abs(shares.y.at(n + HALF) - shares.y.at(n - HALF)),
  });
  const tokens = [...Array(rows).keys()];
  const before = tokens.map(() =>
    shares.mark("rect", { stroke: "ink-2", "stroke-dasharray": "3 3" }));
  const bars = tokens.map(() => shares.mark("rect", { fill: "attention" }));
  const words = tokens.map((n) => shares.mark("text", {
    fill: "ink", "font-size": 9.75, y: shares.y.at(n) + 3.4,
  }));
  const line = shares.mark("path", { stroke: "brand", "stroke-width": 1.5 });

  let logits = data.logits[data.place];
  let best = 1; // the probability of the first, at this temperature
  const least = handle({
    label: "min-p", axis: "x", min: 0, max: 1, step: 0.01, value: data.m,
    place: (m) => [shares.x.at(m * best), shares.y.at(shares.y.limits[1])],
    read: (x) => shares.x.back(x) / best,
    speak: (m) => number(m),
  });
  const power = slider({
    label: "Temperature", min: -3, max: 2, step: 0.1, value: Math.log2(data.temperature),
    speak: (log2) => number(2 ** log2),
  });
  const most = slider({
    label: "top-k", min: 1, max: all, step: 1, value: data.k, speak: (k) => number(k, 0),
  });
  const share = slider({
    label: "top-p", min: 0.01, max: 1, step: 0.01, value: data.p, speak: (p) => number(p),
  });
  const place = choice({ label: "After", names, value: names.indexOf(data.place) });

  return () => {
    logits = data.logits[names[place.value]];
    const texts = data.tokens[names[place.value]];
    const temperature = 2 ** power.value;
    const whole = mathematics.softmax(logits, temperature);
    best = whole[0];
    const p = mathematics.sampled(logits, temperature, most.value, share.value, least.value);
    tokens.forEach((n) => {
      set(before[n], box(n, whole[n]));
      set(bars[n], box(n, p[n]));
      set(words[n], { x: shares.x.at(Math.max(whole[n], p[n])) + 6 });
      words[n].textContent = p[n] ? `${texts[n]}  ${number(100 * p[n], 1)}%` : texts[n];
    });
    set(line, { d: shares.path(shares.y.limits.map((y) => [least.value * best, y])) });
    const left = p.filter((each) => each > 0).length;
    const told = tokens.slice(0, 3).filter((n) => p[n] > 0)
      .map((n) => `${number(100 * p[n], 1)}% for ${texts[n]}`);
    return `Temperature ${number(temperature)}, top-k ${most.value}, top-p ` +
      `${number(share.value)}, min-p ${number(least.value)}: ${left} of ${all} tokens ` +
      `may be drawn, ${told.join(", ")}.`;
  };
});

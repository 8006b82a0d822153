/* A kernel to drag over a signal; below it, what it answers at every place.

   Data: signal; kernels, weights by name, all of one length; kernel, the name of the first;
   place, where it begins; and `range`, the least and the largest weight. The axes show
   the signal, the weights at their place, and the outputs, each over the middle of the
   window that gave it. */
"use strict";
explore("convolution", ({ data, planes, handle, slider, choice, set, number }) => {
  const { signal, kernels } = data;
  const [input, weights, output] = planes;
  const names = Object.keys(kernels);
  const size = kernels[data.kernel].length;
  const middle = (size - 1) / 2;
  const [min, max] = data.range;
  const curve = (values, from) => values.map((value, n) => [n + from, value]);
  const wide = input.x.at(size) - input.x.at(0);
  const [bottom, top] = input.y.limits.map(input.y.at);
  const stems = kernels[data.kernel].map(() =>
    weights.mark("path", { stroke: "brand", "stroke-width": 3 }));
  const answers = output.mark("path", { stroke: "cnn", "stroke-width": 1.8 });
  const answer = output.mark("circle", { fill: "brand", r: 5 });

  const place = handle({
    label: "Place of the kernel", axis: "x", min: 0, max: signal.length - size, step: 1,
    value: data.place,
    grip: { x: -wide / 2, y: 0, width: wide, height: bottom - top },
    place: (first) => [input.x.at(first + middle), top],
    read: (x) => input.x.back(x) - middle,
    speak: (first) => `positions ${first} to ${first + size - 1}`,
  });
  const kernel = kernels[data.kernel].map((value, k) => slider({
    label: `Weight ${k}`, min, max, step: 0.05, value, speak: (weight) => number(weight),
  }));
  choice({
    label: "Kernel", names, value: names.indexOf(data.kernel),
    change: (chosen) => kernels[names[chosen]].forEach((value, k) => { kernel[k].value = value; }),
  });

  return () => {
    const w = kernel.map(({ value }) => value);
    const first = place.value;
    const all = mathematics.convolve(signal, w);
    stems.forEach((stem, k) =>
      set(stem, { d: weights.path([[first + k, 0], [first + k, w[k]]]) }));
    set(answers, { d: output.path(curve(all, middle)) });
    set(answer, { cx: output.x.at(first + middle), cy: output.y.at(all[first]) });
    const terms = w.map((weight, k) => `${number(weight)} · ${number(signal[first + k])}`);
    return `Positions ${first} to ${first + size - 1}: ` +
      `${terms.join(" + ")} = ${number(all[first])}`;
  };
});

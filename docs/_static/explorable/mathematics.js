/* The formulas of the explorables. A test holds each against the package. */
var mathematics = (() => {
  "use strict";

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => sum(values) / values.length;
  const errors = (w, b, x, y) => x.map((value, n) => w * value + b - y[n]);

  return {
    /* The mean squared error of the line w x + b. */
    meanSquaredError: (w, b, x, y) => mean(errors(w, b, x, y).map((e) => e * e)),

    /* How fast it grows with w and with b. */
    lineGradient(w, b, x, y) {
      const error = errors(w, b, x, y);
      return [2 * mean(error.map((e, n) => e * x[n])), 2 * mean(error)];
    },

    /* Logits over a temperature, as probabilities; the largest is moved to 0. */
    softmax(logits, temperature = 1) {
      const largest = Math.max(...logits);
      const powers = logits.map((z) => Math.exp((z - largest) / temperature));
      const total = sum(powers);
      return powers.map((power) => power / total);
    },

    /* What the next token is drawn from: logits, the largest first, over a temperature; of
       them the first k, those before which less than p lies, and none below m times the
       first. The others get 0. */
    sampled(logits, temperature, k, p, m) {
      const shares = mathematics.softmax(logits, temperature);
      const kept = shares.map((share, n) => {
        const before = sum(shares.slice(0, n));
        return n === 0 || (n < k && (p >= 1 || before < p) && share >= m * shares[0])
          ? share : 0;
      });
      const total = sum(kept);
      return kept.map((share) => share / total);
    },

    /* Minus the logarithm of the right class's probability. */
    crossEntropy(logits, label, temperature = 1) {
      const shifted = logits.map((z) => (z - Math.max(...logits)) / temperature);
      return Math.log(sum(shifted.map(Math.exp))) - shifted[label];
    },

    /* The softmax of scores over a scale, of those that are seen: the others get 0. */
    attend: (scores, seen, scale) => mathematics.softmax(
      scores.map((score, n) => (seen[n] ? score : -Infinity)), scale),

    /* The average of the values, in these shares. */
    average: (shares, values) => sum(shares.map((share, n) => share * values[n])),

    /* How evenly shares are spread: 0 if one has all. */
    entropy: (shares) => -sum(shares.map((share) => share && share * Math.log(share))),

    /* The kernel at every place where it lies wholly on the signal. */
    convolve: (signal, kernel) =>
      signal.slice(kernel.length - 1).map((_, place) =>
        sum(kernel.map((weight, k) => weight * signal[place + k]))),
  };
})();

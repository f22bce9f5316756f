/* What the three GANs share: activations with their derivatives, and dense layers.

   A layer is { inputs, outputs, weights, biases, activation, nodes }: the sizes, the names of its parameters, the name of
   its activation, and the names of its outputs. All arrays are Float64Array, stored as in NumPy row by row: weights
   (inputs, outputs), a batch (examples, values). */
"use strict";

const LEAK = 0.2;
const sigmoid = (x) => 0.5 + 0.5 * Math.tanh(0.5 * x); // 1 / (1 + exp(-x)), written so that no x overflows

const ACTIVATIONS = {
  sigmoid: { value: sigmoid, slope: (x) => sigmoid(x) * (1 - sigmoid(x)), formula: "s (1 − s)" },
  tanh: { value: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2, formula: "1 − tanh²" },
  relu: { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0), formula: "1 above 0, else 0" },
  leaky: { value: (x) => (x > 0 ? x : LEAK * x), slope: (x) => (x > 0 ? 1 : LEAK), formula: "1 above 0, else 0.2" },
};

// Returns for a batch each layer's weighted sums, and each layer's inputs with the last layer's outputs behind them.
function forward(parameters, layers, batch) {
  const sums = [], values = [batch], count = batch.length / layers[0].inputs;
  for (const { inputs, outputs, weights, biases, activation } of layers) {
    const w = parameters[weights], b = parameters[biases], x = values.at(-1), { value } = ACTIVATIONS[activation];
    const a = new Float64Array(count * outputs), h = new Float64Array(count * outputs);
    for (let n = 0; n < count; n++) {
      const row = n * outputs;
      for (let j = 0; j < outputs; j++) a[row + j] = b[b.length === 1 ? 0 : j]; // the trend GAN's pixels share one
      for (let i = 0; i < inputs; i++) {
        const input = x[n * inputs + i];
        for (let j = 0; j < outputs; j++) a[row + j] += input * w[i * outputs + j];
      }
      for (let j = 0; j < outputs; j++) h[row + j] = value(a[row + j]);
    }
    sums.push(a);
    values.push(h);
  }
  return { sums, values };
}
const outputs = (parameters, layers, batch) => forward(parameters, layers, batch).values.at(-1);

function joined(first, second) {
  const both = new Float64Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

const copyOf = (parameters) => Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, values.slice()]));

// θ ← θ − rate · ∂loss/∂θ, for the parameters that have a gradient.
function descend(parameters, gradients, rate) {
  for (const [name, gradient] of Object.entries(gradients)) {
    const values = parameters[name];
    for (let place = 0; place < values.length; place++) values[place] -= rate * gradient[place];
  }
}

// The derivative of the generator's loss by the discriminator's weighted sum a, where D = σ(a):
// of −log D it is D − 1, of the saturating log(1 − D) it is −D.
const generatorError = (verdict, saturating) => (saturating ? -verdict : verdict - 1);

function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

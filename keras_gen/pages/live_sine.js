/* The sine GAN, as in keras_gen/minimal/sine.py: signals of ten samples, by two networks of three dense layers.
   Mini-batches; each gradient is cut to a norm of 0.2, and weights and biases are clipped to ±0.25. */
"use strict";

const SAMPLES = 10;
const SINE_RANGES = { m: [0.5, 0.8], f: [1.2, 1.5], x0: [0, 1] };
const GRADIENT_NORM = 0.2, WEIGHT_LIMIT = 0.25;

const sineLayers = (network, sizes, activations) => activations.map((activation, layer) => ({
  inputs: sizes[layer],
  outputs: sizes[layer + 1],
  weights: `${network}_weights_${layer}`,
  biases: `${network}_biases_${layer}`,
  activation,
  nodes: Array.from({ length: sizes[layer + 1] }, (_, node) => (sizes[layer + 1] === 1 ? "D" : `${"gd"[Number(network === "discriminator")]}${layer + 1},${node}`)),
}));

const SINE = {
  name: "sine",
  about: "ten samples of a sine",
  unit: "iteration",
  epochs: 50000,
  halves: 2,
  snapshotEvery: 25,
  defaults: {
    discriminatorRate: 0.1,
    generatorRate: 0.01,
    smoothing: 0,
    saturating: false,
    batchSize: 128,
    shape: null, // ten samples of another signal
    faults: { relu_derivative: false, activated_derivatives: false, discriminator_climbs: false, loss_as_gradient: false },
  },
  generator: sineLayers("generator", [1, 10, 10, SAMPLES], ["relu", "relu", "tanh"]),
  discriminator: sineLayers("discriminator", [SAMPLES, 10, 10, 1], ["leaky", "leaky", "sigmoid"]),
  inputs: { generator: ["z"], discriminator: Array.from({ length: SAMPLES }, (_, sample) => `s${sample}`) },

  // Weights from uniform(−r, r) with r = √(2 / (inputs + outputs)); biases 0.
  start(random) {
    const parameters = {};
    for (const { inputs, outputs, weights, biases } of [...SINE.generator, ...SINE.discriminator]) {
      const limit = Math.sqrt(2 / (inputs + outputs));
      parameters[weights] = random.uniforms(inputs * outputs, -limit, limit);
      parameters[biases] = new Float64Array(outputs);
    }
    return { parameters };
  },

  prepare() {},

  // Real signals m sin(x0 + f i); or m times the ten samples that were drawn by hand.
  drawSignals(random, count, shape) {
    const [m, f, x0] = ["m", "f", "x0"].map((name) => random.uniforms(count, ...SINE_RANGES[name]));
    const signals = new Float64Array(count * SAMPLES);
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < SAMPLES; i++) signals[n * SAMPLES + i] = m[n] * (shape ? shape[i] : Math.sin(x0[n] + f[n] * i));
    }
    return signals;
  },

  halfStep(state, random, settings, half) {
    const { parameters, traces } = state;
    if (half === 0) {
      const { batchSize, shape, smoothing } = settings;
      state.latents = random.normals(batchSize);
      const signals = joined(this.drawSignals(random, batchSize, shape), outputs(parameters, SINE.generator, state.latents));
      const labels = new Float64Array(2 * batchSize).fill(1 - smoothing, 0, batchSize);
      const trace = { before: copyOf(parameters), batch: signals, labels };
      trace.gradients = this.gradients("discriminator", trace, settings);
      this.descendWithin(parameters, trace, settings.faults.discriminator_climbs ? -settings.discriminatorRate : settings.discriminatorRate);
      traces.discriminator = [trace];
    } else {
      const trace = { before: copyOf(parameters), batch: state.latents };
      trace.gradients = this.gradients("generator", trace, settings);
      this.descendWithin(parameters, trace, settings.generatorRate);
      traces.generator = [trace];
    }
  },

  // The means over the batch of each example's gradients: ∂loss/∂wᵢⱼ = xᵢ · errorⱼ and ∂loss/∂bⱼ = errorⱼ.
  gradients(network, { before, batch, labels }, settings) {
    const { values, errors } = backward(SINE, before, network, batch, labels, settings), means = {};
    SINE[network].forEach(({ inputs, outputs, weights, biases }, layer) => {
      const byWeights = (means[weights] = new Float64Array(inputs * outputs)), byBiases = (means[biases] = new Float64Array(outputs));
      const x = values[layer], error = errors[layer], count = error.length / outputs;
      for (let n = 0; n < count; n++) {
        for (let j = 0; j < outputs; j++) byBiases[j] += error[n * outputs + j] / count;
        for (let i = 0; i < inputs; i++) {
          const share = x[n * inputs + i] / count;
          for (let j = 0; j < outputs; j++) byWeights[i * outputs + j] += share * error[n * outputs + j];
        }
      }
    });
    return means;
  },

  // θ ← clip(θ − rate · gradient · min(1, 0.2 / |gradient|), ±0.25), matrix by matrix.
  descendWithin(parameters, trace, rate) {
    trace.cuts = {};
    for (const [name, gradient] of Object.entries(trace.gradients)) {
      const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
      const cut = Math.min(1, GRADIENT_NORM / (norm + 1e-12)), values = parameters[name];
      trace.cuts[name] = cut;
      for (let place = 0; place < values.length; place++) {
        values[place] = Math.min(Math.max(values[place] - rate * gradient[place] * cut, -WEIGHT_LIMIT), WEIGHT_LIMIT);
      }
    }
  },

  // The recorded losses are of the signals of the step; the generator's are those that it made before it moved.
  verdicts({ parameters, traces }) {
    const judged = outputs(parameters, SINE.discriminator, traces.discriminator[0].batch), half = judged.length / 2;
    return { real: judged.subarray(0, half), fake: judged.subarray(half), generated: judged.subarray(half) };
  },
  log: Math.log,
};

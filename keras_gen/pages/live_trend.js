/* The trend GAN, as in keras_gen/minimal/trend.py: three-pixel images whose brightness falls along a line.
   Full-batch gradient descent: 32 real images, 32 generated ones. */
"use strict";

const TREND_COUNT = 32;
const TREND_EPSILON = 1e-8; // keeps the logarithms of the recorded losses finite

const TREND = {
  name: "trend",
  about: "three pixels that darken along a line",
  unit: "epoch",
  epochs: 50000,
  halves: 2, // half steps of an epoch: discriminator, generator
  snapshotEvery: 250,
  defaults: { discriminatorRate: 0.001, generatorRate: 0.001, smoothing: 0, saturating: false, slopes: [-0.4, -0.7] },
  latentRange: [0.4, 1],
  generator: [{ inputs: 1, outputs: 3, weights: "generator_weights", biases: "generator_bias", activation: "sigmoid", nodes: ["O2", "O3", "O4"] }],
  discriminator: [{ inputs: 3, outputs: 1, weights: "discriminator_weights", biases: "discriminator_bias", activation: "sigmoid", nodes: ["D"] }],
  inputs: { generator: ["L"], discriminator: ["I5", "I6", "I7"] },

  start(random) {
    const tenth = () => random.normals(3).map((value) => 0.1 * value);
    return {
      parameters: { generator_weights: tenth(), discriminator_weights: tenth(), generator_bias: new Float64Array(1), discriminator_bias: new Float64Array(1) },
      shares: random.uniforms(TREND_COUNT), // where in their range the slopes are
      noise: random.normals(3 * TREND_COUNT, 0, 0.02),
    };
  },

  // Makes the real images: slope · (1, 2, 3) + noise, shifted to a mean of 0.5.
  prepare(state, { slopes: [low, high] }) {
    state.real = new Float64Array(3 * TREND_COUNT);
    state.shares.forEach((share, image) => {
      const slope = low + (high - low) * share;
      const line = [1, 2, 3].map((step, pixel) => slope * step + state.noise[3 * image + pixel]);
      state.real.set(line.map((value) => value - mean(line) + 0.5), 3 * image);
    });
  },

  halfStep(state, random, settings, half) {
    const latents = random.uniforms(TREND_COUNT, 0.4, 1);
    if (half === 0) this.discriminatorStep(state, latents, settings);
    else this.generatorStep(state, latents, settings);
  },

  discriminatorStep({ parameters, real, traces }, latents, { discriminatorRate, smoothing }) {
    const images = joined(real, outputs(parameters, TREND.generator, latents));
    const labels = new Float64Array(2 * TREND_COUNT).fill(1 - smoothing, 0, TREND_COUNT);
    const verdicts = outputs(parameters, TREND.discriminator, images);
    const gradients = { discriminator_weights: new Float64Array(3), discriminator_bias: new Float64Array(1) };
    for (let n = 0; n < labels.length; n++) {
      // The cross-entropy's derivative by a, where D = σ(a), is D − label: the sigmoid's own derivative cancels.
      const error = (verdicts[n] - labels[n]) / labels.length;
      for (let i = 0; i < 3; i++) gradients.discriminator_weights[i] += error * images[3 * n + i]; // ∂a/∂λᵢ₈ = Iᵢ
      gradients.discriminator_bias[0] += error; // ∂a/∂c = 1
    }
    traces.discriminator = [{ before: copyOf(parameters), batch: images, labels, gradients }];
    descend(parameters, gradients, discriminatorRate);
  },

  generatorStep({ parameters, traces }, latents, { generatorRate, saturating }) {
    const images = outputs(parameters, TREND.generator, latents);
    const verdicts = outputs(parameters, TREND.discriminator, images);
    const gradients = { generator_weights: new Float64Array(3), generator_bias: new Float64Array(1) };
    for (let n = 0; n < latents.length; n++) {
      const error = generatorError(verdicts[n], saturating) / latents.length;
      for (let j = 0; j < 3; j++) {
        const pixel = images[3 * n + j];
        // Back through the discriminator (its weight), through the pixel's sigmoid, O (1 − O), to the weight (L).
        const byActivation = error * parameters.discriminator_weights[j] * pixel * (1 - pixel);
        gradients.generator_weights[j] += byActivation * latents[n];
        gradients.generator_bias[0] += byActivation; // one bias for three pixels: the sum
      }
    }
    traces.generator = [{ before: copyOf(parameters), batch: latents, gradients }];
    descend(parameters, gradients, generatorRate);
  },

  // What the recorded losses are means of: the discriminator on real and generated images, and on those of the
  // generator's step, all after both updates.
  verdicts({ parameters, traces }) {
    const judge = (images) => outputs(parameters, TREND.discriminator, images);
    const onBatch = judge(traces.discriminator[0].batch);
    const latents = traces.generator?.[0].batch ?? new Float64Array();
    return {
      real: onBatch.subarray(0, TREND_COUNT),
      fake: onBatch.subarray(TREND_COUNT),
      generated: judge(outputs(parameters, TREND.generator, latents)),
    };
  },
  log: (probability) => Math.log(probability + TREND_EPSILON),
};

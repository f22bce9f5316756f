/* The slanted-faces GAN, as in keras_gen/minimal/faces.py: four-pixel faces with a bright diagonal.
   Every step looks at one image: stochastic gradient descent. */
"use strict";

const SMALLEST = 2.2250738585072014e-308; // stands for a probability that was rounded to 0

const FACES = {
  name: "faces",
  about: "four pixels with a bright diagonal",
  unit: "epoch",
  epochs: 1000,
  halves: 10, // for each of five faces: discriminator, generator
  snapshotEvery: 5,
  defaults: {
    discriminatorRate: 0.01,
    generatorRate: 0.01,
    smoothing: 0,
    saturating: false,
    // Row by row: top left, top right, bottom left, bottom right.
    faces: [[1, 0, 0, 1], [0.9, 0.1, 0.2, 0.8], [0.9, 0.2, 0.1, 0.8], [0.8, 0.1, 0.2, 0.9], [0.8, 0.2, 0.1, 0.9]],
  },
  latentRange: [0, 1],
  generator: [{ inputs: 1, outputs: 4, weights: "generator_weights", biases: "generator_biases", activation: "sigmoid", nodes: ["x1", "x2", "x3", "x4"] }],
  discriminator: [{ inputs: 4, outputs: 1, weights: "discriminator_weights", biases: "discriminator_bias", activation: "sigmoid", nodes: ["D"] }],
  inputs: { generator: ["z"], discriminator: ["x1", "x2", "x3", "x4"] },

  start(random) {
    return {
      parameters: { discriminator_weights: random.normals(4), discriminator_bias: random.normals(1), generator_weights: random.normals(4), generator_biases: random.normals(4) },
      sums: { discriminator: 0, generator: 0 },
    };
  },

  prepare(state, { faces }) {
    state.real = Float64Array.from(faces.flat());
  },

  halfStep(state, random, settings, half) {
    const { parameters, traces, real } = state, start = 4 * Math.floor(half / 2);
    if (half % 2 === 0) {
      const face = real.subarray(start, start + 4);
      traces.discriminator = [this.discriminatorUpdate(parameters, face, 1 - settings.smoothing, settings)];
      state.latent = random.uniform();
      const fake = outputs(parameters, FACES.generator, Float64Array.of(state.latent));
      traces.discriminator.push(this.discriminatorUpdate(parameters, fake, 0, settings));
      return;
    }
    traces.generator = [this.generatorUpdate(parameters, state.latent, settings)];
    const [discriminator, generator] = lossesOf(this, this.verdicts(state), settings);
    state.sums.discriminator += discriminator / settings.faces.length;
    state.sums.generator += generator / settings.faces.length;
  },

  // Moves the discriminator toward calling an image a face (label 1) or noise (label 0).
  discriminatorUpdate(parameters, image, label, { discriminatorRate }) {
    const error = outputs(parameters, FACES.discriminator, image)[0] - label; // ∂loss/∂a = D − label, where D = σ(a)
    const gradients = {
      discriminator_weights: image.map((pixel) => error * pixel), // ∂a/∂vᵢ = xᵢ
      discriminator_bias: Float64Array.of(error), // ∂a/∂c = 1
    };
    const trace = { before: copyOf(parameters), batch: image, labels: Float64Array.of(label), gradients };
    descend(parameters, gradients, discriminatorRate);
    return trace;
  },

  // Moves the generator toward images that the discriminator calls a face.
  generatorUpdate(parameters, latent, { generatorRate, saturating }) {
    const image = outputs(parameters, FACES.generator, Float64Array.of(latent));
    const error = generatorError(outputs(parameters, FACES.discriminator, image)[0], saturating);
    // Back through the discriminator's weight vᵢ, then through the pixel's sigmoid with its slope xᵢ (1 − xᵢ).
    const byActivation = image.map((pixel, i) => error * parameters.discriminator_weights[i] * pixel * (1 - pixel));
    const gradients = { generator_weights: byActivation.map((value) => value * latent), generator_biases: byActivation };
    const trace = { before: copyOf(parameters), batch: Float64Array.of(latent), gradients };
    descend(parameters, gradients, generatorRate);
    return trace;
  },

  // What the losses of a step are made of, after its three updates.
  verdicts({ parameters, traces }) {
    const judge = (images) => outputs(parameters, FACES.discriminator, images);
    // The generated image is made anew: the generator has moved.
    const generated = judge(outputs(parameters, FACES.generator, traces.generator?.[0].batch ?? new Float64Array()));
    return { real: judge(traces.discriminator[0].batch), fake: generated, generated };
  },
  log: (probability) => Math.log(Math.max(probability, SMALLEST)),
};

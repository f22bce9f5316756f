/* Backpropagation, and the losses. The sine GAN trains by it; for all three it is what the page shows,
   factor by factor, of the weight that one points at. */
"use strict";

// The derivatives that a network's layers use, as the faults of the sine GAN would have them.
function slopeOf({ activation }, faults = {}) {
  const { value, slope, formula } = ACTIVATIONS[activation];
  if (activation === "relu" && faults.relu_derivative) return { slope: value, formula: "fault: ReLU itself" };
  if (activation === "tanh" && faults.activated_derivatives) return { slope: (x) => slope(value(x)), formula: "fault: 1 − tanh²(tanh)" };
  return { slope, formula };
}

// The loss's derivative by the discriminator's last weighted sum: D − label, or the generator's.
function lastError(network, verdict, label, { saturating, faults = {} }) {
  const error = network === "discriminator" ? verdict - label : generatorError(verdict, saturating);
  if (!faults.activated_derivatives) return error;
  return (error / (verdict * (1 - verdict))) * ACTIVATIONS.sigmoid.slope(verdict); // what should have cancelled does not
}

/* Returns for a batch the inputs `values` of each layer of the chain, their weighted `sums`, the loss's derivatives
   `arriving` at each layer's outputs, and `errors`: those by the sums. They are of each example's own loss, not yet
   divided by their number. The chain is the discriminator, or the generator with the discriminator behind it. */
function backward(gan, parameters, network, batch, labels, settings) {
  const layers = network === "discriminator" ? gan.discriminator : [...gan.generator, ...gan.discriminator];
  const { sums, values } = forward(parameters, layers, batch);
  const verdicts = values.at(-1), errors = [], arriving = [];
  errors[layers.length - 1] = verdicts.map((verdict, n) => lastError(network, verdict, labels?.[n], settings));
  for (let layer = layers.length - 2; layer >= 0; layer--) {
    const next = layers[layer + 1], { slope } = slopeOf(layers[layer], settings.faults);
    const faulty = settings.faults?.loss_as_gradient && network === "generator" && layer === gan.generator.length - 1;
    arriving[layer] = faulty // fault: the loss's value, where its derivative should be
      ? sums[layer].map((_, place) => generatorLoss(gan, verdicts[Math.floor(place / next.inputs)], settings))
      : backThrough(next, parameters[next.weights], errors[layer + 1]);
    errors[layer] = new Float64Array(sums[layer].length);
    for (let place = 0; place < errors[layer].length; place++) errors[layer][place] = arriving[layer][place] * slope(sums[layer][place]);
  }
  return { layers, sums, values, errors, arriving, verdicts };
}

// The derivative by a layer's input i: Σ over its outputs j of wᵢⱼ · errorⱼ.
function backThrough({ inputs, outputs }, w, errors) {
  const count = errors.length / outputs, result = new Float64Array(count * inputs);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let j = 0; j < outputs; j++) sum += w[i * outputs + j] * errors[n * outputs + j];
      result[n * inputs + i] = sum;
    }
  }
  return result;
}

const generatorLoss = (gan, verdict, { saturating }) => (saturating ? gan.log(1 - verdict) : -gan.log(verdict));

// Returns the discriminator's and the generator's loss: means of cross-entropies.
function lossesOf(gan, { real, fake, generated }, settings) {
  const { smoothing } = settings;
  // With the label 1 − smoothing, a real example costs −(1 − s) log D − s log(1 − D); a generated one −log(1 − D).
  const onReal = mean(real.map((verdict) => -(1 - smoothing) * gan.log(verdict) - smoothing * gan.log(1 - verdict)));
  const onFake = mean(fake.map((verdict) => -gan.log(1 - verdict)));
  return [onReal + onFake, mean(generated.map((verdict) => generatorLoss(gan, verdict, settings)))];
}

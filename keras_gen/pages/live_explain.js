/* What a weight's derivative is made of, factor by factor, and a loss's formula with its numbers. No drawing here:
   `explainWeight` and `explainLoss` return texts and numbers, which live.js shows and the tests check. */
"use strict";

// Numbers with a true minus, enough digits to be multiplied by hand, and brackets where a sign would run into another.
const shortNumber = (value, digits = 4) => (Math.abs(value) >= 1e-3 || value === 0 ? value.toFixed(digits) : value.toExponential(digits - 2)).replaceAll("-", "−");
const inProduct = (value, digits = 4) => (value < 0 ? `(${shortNumber(value, digits)})` : shortNumber(value, digits));
const product = (values) => values.map((value) => inProduct(value)).join(" × ");

// Every weight and bias, from left to right: { network, layer, from, to }; of a bias, `from` is null.
const itemsOf = new Map();
function allItems(gan) {
  if (!itemsOf.has(gan)) itemsOf.set(gan, makeItems(gan));
  return itemsOf.get(gan);
}
function makeItems(gan) {
  return ["generator", "discriminator"].flatMap((network) => gan[network].flatMap(({ inputs, outputs }, layer) => {
    const nodes = Array.from({ length: outputs }, (_, to) => to);
    const weights = Array.from({ length: inputs }, (_, from) => nodes.map((to) => ({ network, layer, from, to }))).flat();
    return [...weights, ...nodes.map((to) => ({ network, layer, from: null, to }))];
  }));
}

// The name of an item's parameter, and its place there.
function placeOf(gan, { network, layer, from, to }) {
  const { weights, biases, outputs } = gan[network][layer];
  if (from !== null) return [weights, from * outputs + to];
  return [biases, network === "generator" && gan === TREND ? 0 : to];
}
const valueOf = (gan, parameters, item) => {
  const [name, place] = placeOf(gan, item);
  return parameters[name][place];
};

const nodesBefore = (gan, network, layer) => (layer ? gan[network][layer - 1].nodes : gan.inputs[network]);
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
function nameOf(gan, { network, layer, from, to }) {
  if (gan === TREND) return from === null ? (network === "generator" ? "b" : "c") : network === "generator" ? `λ₁${SUBSCRIPTS[to + 2]}` : `λ${SUBSCRIPTS[from + 5]}₈`;
  if (gan === FACES && network === "discriminator") return from === null ? "c" : `v${SUBSCRIPTS[from + 1]}`;
  if (gan === FACES) return `${from === null ? "b" : "w"}${SUBSCRIPTS[to + 1]}`;
  const target = gan[network][layer].nodes[to];
  return from === null ? `bias of ${target}` : `weight ${nodesBefore(gan, network, layer)[from]} → ${target}`;
}

/* Explains the derivative of a weight or bias in the last half step of its network. `chosen` is the number of the example
   of the batch whose product is shown. Returns null where there was no such half step yet. */
function explainWeight(training, item, chosen = 0) {
  const { gan, state } = training, passes = state.traces[item.network];
  if (!passes) return null;
  const width = gan[item.network][0].inputs, counts = passes.map(({ batch }) => batch.length / width);
  const total = counts.reduce((sum, count) => sum + count, 0);
  let number = ((chosen % total) + total) % total, pass = 0;
  const example = number;
  while (number >= counts[pass]) number -= counts[pass++];
  const { before, batch, labels, gradients, cuts, settings } = passes[pass], [name, place] = placeOf(gan, item);
  const label = labels?.[number];
  const chain = backward(gan, before, item.network, batch.slice(number * width, (number + 1) * width), labels && [label], settings);
  const factors = factorsOf(gan, chain, item, label, settings, before);
  const rate = settings[`${item.network}Rate`] * (settings.faults?.discriminator_climbs && item.network === "discriminator" ? -1 : 1);
  return {
    name: nameOf(gan, item),
    value: state.parameters[name][place],
    before: before[name][place],
    derivative: gradients[name][place],
    rate,
    cut: cuts?.[name] ?? 1,
    after: passes[pass + 1]?.before[name][place] ?? state.parameters[name][place],
    factors,
    product: factors.reduce((result, { value }) => result * value, 1),
    errors: errorLists(gan, chain, item, settings),
    count: counts[pass],
    example,
    examples: total,
    kind: item.network === "generator" ? "latent number" : label > 0 ? "real example" : "generated example",
    shared: name === "generator_bias" ? Array.from(chain.errors[0]) : null,
  };
}

// The factors whose product is the derivative of one example's loss.
function factorsOf(gan, { layers, sums, values, errors, arriving, verdicts }, { network, layer, from, to }, label, settings, before) {
  const last = layers.length - 1, factors = [];
  const verdict = verdicts[0], error = errors[last][0];
  if (layer === last) {
    factors.push(verdictFactor(network, verdict, label, error, settings));
  } else {
    const next = layers[layer + 1];
    const faulty = settings.faults?.loss_as_gradient && network === "generator" && layer === gan.generator.length - 1;
    if (faulty) {
      factors.push({ name: "fault: the generator's loss, not its derivative", text: settings.saturating ? "log(1 − D)" : "−log D", value: arriving[layer][to] });
    } else if (next.outputs === 1 && layer + 1 === last) {
      factors.push(verdictFactor(network, verdict, label, error, settings));
      factors.push({ name: `back through the discriminator's weight`, text: `${layers[layer].nodes[to]} → D`, value: before[next.weights][to] });
    } else {
      const terms = Array.from(errors[layer + 1], (value, j) => `${inProduct(before[next.weights][to * next.outputs + j])}·${inProduct(value)}`);
      factors.push({ name: `derivative by the output of ${layers[layer].nodes[to]}: Σ weight · error of the next layer`, text: terms.join(" + "), value: arriving[layer][to] });
    }
    const { slope, formula } = slopeOf(layers[layer], settings.faults), { activation } = layers[layer];
    factors.push({ name: `slope of the ${activation === "leaky" ? "leaky ReLU" : activation === "relu" ? "ReLU" : activation}, ${formula}`, text: `at ${shortNumber(sums[layer][to])}`, value: slope(sums[layer][to]) });
  }
  if (from !== null) factors.push({ name: "the input that the weight multiplied", text: nodesBefore(gan, network, layer)[from], value: values[layer][from] });
  return factors;
}

function verdictFactor(network, verdict, label, error, { saturating, faults }) {
  const text = network === "discriminator" ? `${shortNumber(verdict)} − ${label}` : saturating ? `−${shortNumber(verdict)}` : `${shortNumber(verdict)} − 1`;
  const name = network === "discriminator" ? "output minus label, D − y" : saturating ? "saturating loss, −D" : "output minus label, D − 1";
  return faults?.activated_derivatives ? { name: `${name}, then fault: × σ′(D) / (D (1 − D))`, text, value: error } : { name, text, value: error };
}

// In a deep network: the errors of the layers between the output and the weight, from which the first factor follows.
function errorLists(gan, { layers, errors }, { network: owner, layer }, { faults }) {
  const lists = [], first = faults?.loss_as_gradient && owner === "generator" ? gan.generator.length - 1 : layers.length - 1;
  for (let deeper = first; deeper > layer && layers.length > 2; deeper--) {
    const network = deeper >= layers.length - gan.discriminator.length ? "discriminator" : "generator";
    const number = network === "discriminator" ? deeper - (layers.length - gan.discriminator.length) : deeper;
    lists.push({ name: `errors of ${network} layer ${number + 1}`, values: Array.from(errors[deeper]) });
  }
  return lists;
}

/* Explains a loss ("discriminator" or "generator") of the last step: its formula, with numbers, its value, and
   the value that the curve shows for the last finished epoch. Returns null before the first step. */
function explainLoss(training, network) {
  const { gan, state } = training, traces = state.traces[network];
  if (!traces || !state.traces.discriminator) return null;
  const { settings } = traces[0], verdicts = gan.verdicts(state);
  const { smoothing, saturating } = settings;
  if (network === "generator") {
    const formula = saturating ? "mean log(1 − D(G(z)))" : "−mean log D(G(z))";
    const numbers = meanOfLogs(verdicts.generated, saturating);
    return { formula, numbers: `${saturating ? "" : "−"}${numbers}`, value: lossesOf(gan, verdicts, settings)[1] };
  }
  const smooth = smoothing ? ` − ${smoothing} · mean log(1 − D(real))` : "", share = smoothing ? `${shortNumber(1 - smoothing)} · ` : "";
  const formula = `−${share}mean log D(real)${smooth} − mean log(1 − D(generated))`;
  if (!verdicts.fake.length) return { formula, numbers: "the generated example follows in the generator's half step", value: null };
  const smoothNumbers = smoothing ? ` − ${smoothing} · ${meanOfLogs(verdicts.real, true)}` : "";
  const numbers = `−${share}${meanOfLogs(verdicts.real, false)}${smoothNumbers} − ${meanOfLogs(verdicts.fake, true)}`;
  return { formula, numbers, value: lossesOf(gan, verdicts, settings)[0] };
}

const SHOWN_TERMS = 3;
function meanOfLogs(verdicts, complement) {
  const term = (verdict) => (complement ? `log(1 − ${shortNumber(verdict)})` : `log ${shortNumber(verdict)}`);
  const total = verdicts.length, list = Array.from(verdicts);
  if (total === 1) return term(list[0]);
  const terms = total > SHOWN_TERMS + 1 ? [...list.slice(0, SHOWN_TERMS).map(term), "…", term(list.at(-1))] : list.map(term);
  return `(${terms.join(" + ")}) / ${total}`;
}

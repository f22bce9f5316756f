/* The panel that explains a weight or a loss: turns what live_explain.js returns into a table. */
"use strict";

const row = (name, text, number) => make("tr", {}, make("th", { scope: "row" }, name), make("td", { className: "formula" }, text), make("td", { className: "number" }, number));

function showExplanation() {
  const box = byId("explanation");
  box.replaceChildren(...(focus.loss ? lossExplanation(focus.loss) : weightExplanation(focus.item)));
}

function lossExplanation(network) {
  const title = make("h3", {}, `The ${network}'s loss`), found = explainLoss(training, network);
  if (!found) return [title, make("p", {}, "No step yet: press Step.")];
  const faces = training.gan === FACES ? " The curve shows the mean over the five faces of an epoch." : "";
  return [
    title,
    make("p", { className: "formula" }, found.formula),
    make("p", { className: "formula" }, `= ${found.numbers}`),
    make("p", { className: "formula" }, found.value === null ? "" : `= ${found.value.toFixed(4).replace("-", "−")}`),
    make("p", { className: "quiet" }, `Of the last step, with the weights as they are now.${faces}`),
  ];
}

function weightExplanation(item) {
  const { gan, state } = training, found = explainWeight(training, item, example);
  const value = valueOf(gan, state.parameters, item);
  const title = make("h3", {}, `${nameOf(gan, item)} of the ${item.network} = ${shortNumber(value)}`);
  if (!found) return [title, make("p", {}, `The ${item.network} has not taken a step yet: press Step. Then its derivative stands here, with the factors that make it.`)];
  const rows = found.errors.map(({ name, values }) => row(name, values.map((error) => shortNumber(error)).join(", "), ""));
  rows.push(...found.factors.map(({ name, text, value: factor }) => row(name, text, shortNumber(factor))));
  rows.push(row("their product: this example's derivative", found.factors.length > 1 ? product(found.factors.map((factor) => factor.value)) : "", shortNumber(found.product)));
  if (found.shared) rows.push(row("this bias is shared: the sum over the three pixels", found.shared.map((part) => inProduct(part)).join(" + "), shortNumber(found.shared.reduce((sum, part) => sum + part, 0))));
  rows.push(row("the derivative in this step", found.count === 1 ? "one example" : `mean of ${found.count} such products`, shortNumber(found.derivative)));
  const cut = found.cut < 1 ? ` × ${shortNumber(found.cut)} (the matrix's gradient is cut to a norm of 0.2)` : "";
  rows.push(row("after the step", `${shortNumber(found.before, 6)} − ${inProduct(found.rate)} × ${inProduct(found.derivative, 6)}${cut}${gan === SINE ? ", clipped to ±0.25" : ""}`, shortNumber(found.after, 6)));
  return [title, examplePicker(found), make("div", { className: "scrolls" }, make("table", {}, ...rows))];
}

function examplePicker({ example: number, examples, kind }) {
  const turn = (by, name, id) => {
    const button = make("button", { type: "button", "aria-label": name, id }, by < 0 ? "‹" : "›");
    button.addEventListener("click", () => { example = number + by; showExplanation(); byId(id).focus(); });
    return button;
  };
  const text = make("span", {}, `${kind} ${number + 1} of ${examples}`);
  return make("div", { className: "row" }, turn(-1, "example before", "example-before"), text, turn(1, "next example", "example-next"));
}

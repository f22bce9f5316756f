/* Questions: the answer is shown after one has tried. `setup` are settings that a button applies, with a reset. */
"use strict";

const CARDS = {
  trend: [
    {
      question: "Before you press Play: real middle pixels are always near ½. Which weight of the generator will end nearest to 0?",
      options: ["λ₁₂, to the first pixel", "λ₁₃, to the middle pixel", "λ₁₄, to the last pixel"],
      right: 1,
      answer: "λ₁₃. The middle pixel is σ(λ₁₃ L + b). To be ½ at every L it must not depend on L.",
    },
    {
      question: "The discriminator's loss falls from 1.34 to 0.99 in 15,000 epochs (seed 42). What does it do then?",
      options: ["It falls on, to 0", "It stays there", "It rises again"],
      right: 2,
      answer: "It rises, to about 1.17 at epoch 45,000: the generator improves, and each step of one network changes the loss of the other. A discriminator that cannot tell at all has 2 log 2 = 1.386.",
    },
    {
      question: "Choose the saturating loss, log(1 − D), at the very start. How large are the generator's derivatives, compared with those of −log D?",
      options: ["About a tenth", "About the same", "About ten times as large"],
      right: 1,
      answer: "About the same. By the discriminator's sum, −log D has the derivative D − 1 and log(1 − D) has −D. At the start D is near ½, where both are −½. They differ where the discriminator wins: at D = 0.01 they are −0.99 and −0.01.",
    },
  ],
  faces: [
    {
      question: "Press Reset, then Step once, and point at v₂, with the example on the real face (1, 0, 0, 1). What is its derivative?",
      options: ["Negative: it should grow", "0", "Positive: it should shrink"],
      right: 1,
      answer: "0. A weight's derivative is the error times the pixel that it multiplied, and this pixel is 0. The update on the generated face moves it.",
    },
    {
      question: "What is the loss of a discriminator that says ½ to everything?",
      options: ["0", "0.693, log 2", "1.386, 2 log 2"],
      right: 2,
      answer: "1.386: −log ½ for the real example and −log(1 − ½) for the generated one. With seed 42 the loss ends at 1.447, a little worse than that.",
    },
    {
      question: "Give both networks a learning rate of 1. How do the generated faces come out after 1,000 epochs?",
      options: ["Near the average of the five real faces", "More face-like than any real one", "As noise"],
      right: 0,
      answer: "Near the average: (0.88, 0.11, 0.11, 0.88) at z = ½. With the rate 0.01 they are (0.95, 0.03, 0.04, 0.96), brighter and darker than any real face but the first: nothing in the losses asks for the average.",
      setup: { discriminatorRate: 1, generatorRate: 1 },
    },
  ],
  sine: [
    {
      question: "The generator gets one random number, and a real signal has three: m, f and x₀. What can the generated signals never do?",
      options: ["Be exact sines", "Fill all combinations of m, f and x₀", "Differ from each other"],
      right: 1,
      answer: "They lie on a curve in the space of the three: where f is high, the phase is that one value. With seed 42, sines explain 99% of a generated signal's variance after 5,000 iterations.",
    },
    {
      question: "The original let its discriminator climb its loss. What is that loss after 2,500 iterations?",
      options: ["Near 1.4, as without the fault", "Above 5", "0"],
      right: 1,
      answer: "5.8 (seed 42). Each step makes the discriminator worse, and only the clipping of the weights to ±0.25 stops it. The generator, which follows its judgement, ends at nearly one signal.",
      setup: { faults: { ...SINE.defaults.faults, discriminator_climbs: true } },
    },
    {
      question: "The original gave its generator the value of the loss in place of the gradient. What do the generated signals become?",
      options: ["A flat line", "Sines of the wrong frequency", "Noise"],
      right: 0,
      answer: "A flat line below 0. A loss −log D is positive, so every sample is told to fall, whatever the signal looks like.",
      setup: { faults: { ...SINE.defaults.faults, loss_as_gradient: true } },
    },
    {
      question: "Which faults do little harm alone, over 5,000 iterations with seed 42?",
      options: ["The wrong derivatives of ReLU, sigmoid and tanh", "The climbing discriminator", "The loss as the gradient"],
      right: 0,
      answer: "The wrong derivatives. They are never negative, so most of the gradient keeps its direction, and its size is cut to a norm of 0.2 anyway: sines still explain 99% of a generated signal. The other two send the step elsewhere.",
      setup: { faults: { ...SINE.defaults.faults, relu_derivative: true, activated_derivatives: true } },
    },
  ],
};

function showCards(box, cards, onsetup) {
  box.replaceChildren(...cards.map(({ question, options, right, answer, setup }) => {
    const shown = make("p", { hidden: true, role: "status" });
    const buttons = options.map((option, number) => {
      const button = make("button", { type: "button" }, option);
      button.addEventListener("click", () => {
        button.classList.add(number === right ? "right" : "wrong");
        buttons[right].classList.add("right");
        shown.replaceChildren(make("strong", {}, number === right ? "Yes. " : "Not quite. "), answer);
        shown.hidden = false;
      });
      return button;
    });
    const card = make("div", { className: "card" }, make("p", {}, question), make("div", { className: "options" }, ...buttons), shown);
    if (setup) {
      const button = make("button", { type: "button" }, "Try it here");
      button.addEventListener("click", () => onsetup(setup));
      card.append(make("p", {}, button));
    }
    return card;
  }));
}

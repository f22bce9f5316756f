/* NumPy's legacy random numbers, `numpy.random.RandomState`: the Mersenne Twister MT19937 and the two methods that the
   GANs draw with. The same seed gives the same numbers, so that the page trains as keras_gen/minimal does. */
"use strict";

const TWISTER_SIZE = 624, TWISTER_SHIFT = 397;

class RandomState {
  constructor(seed) {
    this.key = new Uint32Array(TWISTER_SIZE);
    this.key[0] = seed;
    for (let place = 1; place < TWISTER_SIZE; place++) {
      const before = this.key[place - 1];
      this.key[place] = Math.imul(1812433253, before ^ (before >>> 30)) + place;
    }
    this.place = TWISTER_SIZE;
    this.spare = null; // normal numbers come in pairs; this is the second one
  }

  // Makes the next 624 whole numbers.
  twist() {
    const { key } = this;
    for (let place = 0; place < TWISTER_SIZE; place++) {
      const joined = (key[place] & 0x80000000) | (key[(place + 1) % TWISTER_SIZE] & 0x7fffffff);
      key[place] = key[(place + TWISTER_SHIFT) % TWISTER_SIZE] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
    this.place = 0;
  }

  // Returns a whole number of 32 bits.
  next() {
    if (this.place === TWISTER_SIZE) this.twist();
    let value = this.key[this.place++];
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  }

  // Returns a number from [0, 1) with 53 random bits.
  double() {
    return ((this.next() >>> 5) * 67108864 + (this.next() >>> 6)) / 9007199254740992;
  }

  uniform(low = 0, high = 1) {
    return low + (high - low) * this.double();
  }

  // Marsaglia's polar method, as NumPy's legacy generator has it.
  normal(mean = 0, deviation = 1) {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return mean + deviation * value;
    }
    let x, y, square;
    do {
      x = 2 * this.double() - 1;
      y = 2 * this.double() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    this.spare = scale * x;
    return mean + deviation * scale * y;
  }

  uniforms(count, low, high) {
    const values = new Float64Array(count);
    for (let place = 0; place < count; place++) values[place] = this.uniform(low, high);
    return values;
  }

  normals(count, mean, deviation) {
    const values = new Float64Array(count);
    for (let place = 0; place < count; place++) values[place] = this.normal(mean, deviation);
    return values;
  }

  copy() {
    return Object.assign(Object.create(RandomState.prototype), { key: this.key.slice(), place: this.place, spare: this.spare });
  }
}

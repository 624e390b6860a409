// Waiting for conditions, never for time.

/** Resolves with the first truthy value of `check`, looked at every few milliseconds; rejects after `ms`. */
export async function until(what, check, ms = 10_000, every = 10) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
      last = undefined;
    } catch (error) {
      if (error.fatal) throw error; // waiting longer cannot help
      last = error;
    }
    if (Date.now() > end) {
      const text = typeof what === 'function' ? what() : what;
      throw new Error(`not within ${ms} ms: ${text}${last ? ` (last failure: ${last.message})` : ''}`);
    }
    await pause(every);
  }
}

/** The promise's value, or a failure that says what was waited for. */
export function within(what, promise, ms = 10_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Spaces events out (slow tokens, polling); never used to wait for somebody else. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function deferred() {
  const d = {};
  d.promise = new Promise((resolve, reject) => {
    d.resolve = resolve;
    d.reject = reject;
  });
  d.promise.catch(() => {});
  return d;
}

/** A small seeded generator (mulberry32): the same seed gives the same run. */
export function seeded(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
  return {
    seed,
    next,
    below: (n) => Math.floor(next() * n),
    between: (a, b) => a + Math.floor(next() * (b - a + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

/** The seed of this run: SEED to repeat one, else random. Printed, so that a failure can be repeated. */
export function seedFor(t) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  return seeded(seed);
}

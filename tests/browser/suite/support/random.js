/** Numbers from 0 up to below 1 that are the same for the same seed. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    // Weyl's sequence, mixed as in SplitMix32.
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

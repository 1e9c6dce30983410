import { setTimeout as delay } from 'node:timers/promises';
import { Plain } from './step.mjs';

/** `promise`, or a failure with the message from `complaint` when it takes longer than `ms`. */
export async function within(ms, promise, complaint) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Plain(complaint())), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again and again until it gives something truthy, which is returned. */
export async function until(probe, { ms, every = 50, complaint }) {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > deadline) throw new Plain(complaint());
    await delay(every);
  }
}

/** All to their end, so that none goes on behind the back of a failure; what each of them gave. */
export async function together(...works) {
  const ended = await Promise.allSettled(works);
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
  return ended.map(({ value }) => value);
}

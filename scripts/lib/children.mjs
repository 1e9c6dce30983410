import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { Plain } from './step.mjs';
import { within } from './wait.mjs';

/** The processes that run beside us. Each leads a group of its own, so that what it starts ends with it. */
const running = new Set();

/** Starts a program that runs beside us until `stop`, and at the latest until we end. */
export async function startChild(command, args, { env, stdio }) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio, detached: true });
  child.on('error', () => {}); // Reported by the `once` below, or by the exit that follows.
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new Plain(`cannot run ${command}: ${error.message}`);
  }
  running.add(child);
  child.ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  return child;
}

/** Ends a child and everything that it started: asks first, insists after five seconds. */
export async function stop(child) {
  signalGroup(child, 'SIGTERM');
  await within(5_000, child.ended, () => '').catch(() => {});
  signalGroup(child, 'SIGKILL');
  await child.ended;
  running.delete(child);
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // ESRCH: nothing of the group is left.
  }
}

process.on('exit', () => {
  for (const child of running) signalGroup(child, 'SIGKILL');
});

// The children are not in the terminal's foreground group: Ctrl-C reaches only us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    await Promise.all([...running].map(stop));
    process.exit(128 + constants.signals[signal]);
  });
}

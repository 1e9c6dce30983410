/** Times of requests as OpenTelemetry names them. */
import type { Brought, Call, Recorder } from './call.js';
import { isResponse, nameOf } from './platform.js';
import { protocolOf } from './protocols.js';
import type { Meter } from './types.js';

/** Seconds: those of the semantic conventions for HTTP. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** As `network.protocol.version` is written. */
const VERSIONS: Readonly<Record<string, string>> = { 'http/1.0': '1.0', 'http/1.1': '1.1', h2: '2', h3: '3' };

/** Methods that are known; others would be labels without number. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'];

export class Otel implements Recorder {
  readonly #duration;
  readonly #queued;

  constructor(meter: Meter) {
    const histogram = (name: string, description: string) =>
      meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: BOUNDARIES } });
    this.#duration = histogram('http.client.request.duration', 'Duration of HTTP client requests.');
    this.#queued = histogram('sixlane.queue.duration', 'Time from the call to sending.');
  }

  ended(call: Call, { response, error }: Brought): void {
    const now = performance.now();
    const { hostname, port, protocol } = new URL(call.request.url);
    const { method } = call.request;
    const status = isResponse(response) ? response.status : 0;
    const failure = response ? (status >= 400 ? `${status}` : undefined) : (nameOf(error) ?? '_OTHER');
    const version = VERSIONS[protocolOf(call.origin) ?? ''];
    const attributes = {
      'http.request.method': METHODS.includes(method) ? method : '_OTHER',
      'server.address': hostname.replace(/^\[|\]$/g, ''),
      'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
      ...(status > 0 && { 'http.response.status_code': status }),
      ...(failure && { 'error.type': failure }),
      ...(version && { 'network.protocol.version': version }),
    };
    this.#duration.record((now - call.at) / 1000, attributes);
    // Of an attempt that follows a failed one it is no wait for a slot.
    if (call.tries === 1) this.#queued.record((call.at - call.arrived) / 1000, attributes);
  }

  read(): void {}
}

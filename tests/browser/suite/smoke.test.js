import { expect } from 'chai';

describe('the page', () => {
  it('has WebAssembly', async () => {
    // The smallest module: the magic number and the version.
    const module = await WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(module).to.be.instanceOf(WebAssembly.Module);
  });

  it('reaches the server with the native fetch', async () => {
    expect(`${fetch}`).to.include('[native code]');
    const response = await fetch('/api/data/1');
    expect(response.status).to.equal(200);
    expect(await response.json()).to.be.an('object');
  });
});

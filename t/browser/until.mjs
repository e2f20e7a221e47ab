// Waiting for what has to become true.

const SECONDS = 30; // of a machine that has other things to do

/**
 * @param {() => *} isSo  may return a promise
 * @param {string} what  for the failure
 * @returns what isSo returned, once that was something
 */
export async function until(isSo, what) {
    const end = Date.now() + SECONDS * 1000;
    for (;;) {
        const found = await isSo();
        if (found) {
            return found;
        }
        if (Date.now() > end) {
            throw new Error(`did not come: ${what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

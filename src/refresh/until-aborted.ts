/** A wait that its signal may end early. Whatever else it fails with is a bug and must be seen. */
export async function untilAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await wait;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

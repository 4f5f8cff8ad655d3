/** oidc-provider's records in memory, one set for each server: its own are shared by all servers of a process. */
interface Payload {
  consumed?: number;
  grantId?: string;
}

/** @returns what the server calls for each model of its */
export function createMemoryAdapter() {
  const records = new Map<string, Payload>();
  return (model: string) => {
    const keyOf = (id: string): string => `${model}:${id}`;
    const none = async (): Promise<undefined> => undefined;
    return {
      upsert: async (id: string, payload: Payload) => void records.set(keyOf(id), payload),
      find: async (id: string) => records.get(keyOf(id)),
      findByUid: none,
      findByUserCode: none,
      destroy: async (id: string) => void records.delete(keyOf(id)),
      consume: async (id: string) => {
        const found = records.get(keyOf(id));
        if (found !== undefined) found.consumed = Math.floor(Date.now() / 1000);
      },
      revokeByGrantId: async (grantId: string) => {
        for (const [key, payload] of records) if (payload.grantId === grantId) records.delete(key);
      },
    };
  };
}

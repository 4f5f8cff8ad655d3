/** Where the API server of Kubernetes is, for the sections of a configuration that need one. */
import { isAbsolute, join } from 'node:path';
import type { z } from 'zod';
import { LABEL_PATTERN, mapping, pathField, patternField, urlField } from './field-schemas.ts';

const PATH_FORM = 'the path of a file, on one line';

export function namespaceField(): z.ZodString {
  return patternField(LABEL_PATTERN, 'at most 63 lower-case letters, digits and hyphens');
}

export function apiServerField() {
  return mapping({
    url: urlField().describe('URL of the API server; https, or http for loopback hosts'),
    caFile: pathField(PATH_FORM)
      .optional()
      .describe(
        "file with the certificates (PEM) to trust, relative to the configuration file's folder; the system's when left out",
      ),
    tokenFile: pathField(PATH_FORM).describe(
      "file with the bearer token, relative to the configuration file's folder; read again before every call",
    ),
  })
    .optional()
    .describe("API server, for replicas outside of a cluster; the pod's own cluster when left out");
}

/** Where the API server is and how this process identifies itself there. */
export interface ApiServer {
  /** `https://10.96.0.1:443`, without a slash at its end; http on loopback only. */
  readonly url: string;
  /** Certificates (PEM) to trust; `undefined`: the system's. */
  readonly caFile: string | undefined;
  /** Bearer token. Kubernetes replaces the file about every hour. */
  readonly tokenFile: string;
}

/** @param folder what paths are relative to */
export function resolveApiServer(
  section: z.output<ReturnType<typeof apiServerField>>,
  folder: string,
): ApiServer | undefined {
  const resolve = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  return (
    section && {
      url: section.url,
      caFile: section.caFile === undefined ? undefined : resolve(section.caFile),
      tokenFile: resolve(section.tokenFile),
    }
  );
}

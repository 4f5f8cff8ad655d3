import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createPrivateFolder } from './private-folder.ts';

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

/** Days from now. */
interface Validity {
  readonly fromDays: number;
  readonly untilDays: number;
}

export interface CertificateAuthority extends Certificate {
  issue(extensions: string, validity?: Validity): Certificate;
  /** One that it has signed, for certificates in between. */
  issueAuthority(): CertificateAuthority;
}

const CONFIGURATION = `[ca]
default_ca = authority
[authority]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
[policy]
commonName = supplied
`;

const AUTHORITY = 'basicConstraints=critical,CA:true';
const TODAY: Validity = { fromDays: -1, untilDays: 1 };

/** A certificate authority made by openssl at test time. */
export async function createAuthority(t: TestContext): Promise<CertificateAuthority> {
  const folder = await createPrivateFolder(t);
  writeFileSync(join(folder, 'configuration'), CONFIGURATION);
  writeFileSync(join(folder, 'index'), '');
  return createAuthorityIn(folder, 'root', 'root');
}

function createAuthorityIn(folder: string, name: string, issuer: string): CertificateAuthority {
  let issued = 0;
  const nextName = (): string => {
    issued += 1;
    return `${name}-${issued}`;
  };
  return {
    ...create(folder, name, issuer, AUTHORITY, TODAY),
    issue: (extensions, validity = TODAY) => create(folder, nextName(), name, extensions, validity),
    issueAuthority: () => createAuthorityIn(folder, nextName(), name),
  };
}

function create(
  folder: string,
  name: string,
  issuer: string,
  extensions: string,
  validity: Validity,
): Certificate {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });
  };
  const request = 'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
  openssl(...request.split(' '), '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  writeFileSync(join(folder, `${name}.ext`), `${extensions}\n`);
  const signing = `ca -batch -notext -config configuration -in ${name}.csr -out ${name}.crt -keyfile ${issuer}.key`;
  const dates = `-startdate ${formatDay(validity.fromDays)} -enddate ${formatDay(validity.untilDays)}`;
  const command = `${signing} -extfile ${name}.ext ${dates}`.split(' ');
  openssl(...command, ...(name === issuer ? ['-selfsign'] : ['-cert', `${issuer}.crt`]));
  const read = (kind: string): string => readFileSync(join(folder, `${name}.${kind}`), 'utf8');
  return { key: read('key'), cert: read('crt') };
}

/** `20261128191500Z` */
function formatDay(days: number): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
}

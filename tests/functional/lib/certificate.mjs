// A certificate for names of this machine, signed by itself and good for a day.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { tempDir } from './harness.mjs';

export function certificateOf(t, ...names) {
  const dir = tempDir(t);
  const certificate = path.join(dir, 'certificate.pem');
  const key = path.join(dir, 'key.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
    '-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`,
    '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  return { certificate, key };
}

export const localhostCertificate = (t) => certificateOf(t, 'localhost');

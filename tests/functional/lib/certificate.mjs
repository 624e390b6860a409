// A certificate for localhost, signed by itself and good for an hour.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { tempDir } from './harness.mjs';

export function localhostCertificate(t) {
  const dir = tempDir(t);
  const certificate = path.join(dir, 'certificate.pem');
  const key = path.join(dir, 'key.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
  { stdio: 'pipe' });
  return { certificate, key };
}

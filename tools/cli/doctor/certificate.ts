import { connect } from 'node:tls';
import { Findings, said } from './finding.ts';

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is a warning, days. */
const SOON_DAYS = 14;
const TIMEOUT_MS = 5_000;

/** Looks at the certificate of a gateway, a proxy or a broker. */
export async function checkCertificate(address: string, port: number, now: number): Promise<Findings> {
  const url = new URL(address);
  const findings = new Findings(`certificate of ${url.host}`);
  try {
    judge(await certificateOf(url.hostname.replace(/^\[|\]$/g, ''), Number(url.port) || port), now, findings);
  } catch (error) {
    findings.problem(`cannot be read (${said(error)})`, 'Check that the port speaks TLS.');
  }
  return findings;
}

/** What a server showed. */
export interface Shown {
  /** When it ends, milliseconds since the epoch. */
  end: number;
  /** Why it is not trusted. */
  distrust: string | undefined;
}

export function judge({ end, distrust }: Shown, now: number, findings: Findings): void {
  const days = Math.floor((end - now) / DAY_MS);
  if (end <= now) findings.problem(`ended ${-days} days ago`, 'Renew it now: clients cannot connect.');
  else if (distrust !== undefined)
    findings.problem(
      `is not trusted (${distrust})`,
      'Use one of a known CA for this name; for a CA of your own set NODE_EXTRA_CA_CERTS.',
    );
  else if (days < SOON_DAYS) findings.warning(`ends in ${days} days`, 'Renew it.');
  else findings.ok(`is valid for ${days} days`);
}

function certificateOf(host: string, port: number): Promise<Shown> {
  return new Promise((resolve, reject) => {
    // It is looked at, whatever it is; nothing is sent.
    const socket = connect({ host, port, servername: host, rejectUnauthorized: false, timeout: TIMEOUT_MS });
    socket.on('error', reject).on('timeout', () => socket.destroy(new Error('no answer in time')));
    socket.on('secureConnect', () => {
      const end = Date.parse(socket.getPeerCertificate().valid_to);
      const distrust = socket.authorized ? undefined : String(socket.authorizationError);
      socket.destroy();
      resolve({ end, distrust });
    });
  });
}

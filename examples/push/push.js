const { PUSH_URL } = process.env;

/** A stand-in for a push service (APNs, FCM, Web Push): posts to PUSH_URL, or prints without it. */
export async function push(user, text) {
  if (!PUSH_URL) {
    console.log(`push to ${user}: ${text}`);
    return;
  }
  const response = await fetch(PUSH_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user, text }),
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) throw new Error(`the push service answered ${response.status}`);
}

/** Instead of the page, where the gateway gives no tokens. */
export const Refused = ({ why }: { why: string }) => (
  <main class="refused">
    <h1>Sixfold</h1>
    <p>The demo cannot begin here: {why}</p>
    <p>
      Open it on the machine that runs the gateway, as <code>http://127.0.0.1:8080/</code>.
    </p>
  </main>
);

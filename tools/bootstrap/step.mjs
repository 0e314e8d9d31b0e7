const out = process.stderr;

/** Does `work` and shows its name and seconds meanwhile: in a terminal on one line, elsewhere at begin and end. */
export async function step(name, work) {
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const show = () => out.write(`\r… ${name} ${seconds()} s`);
  if (out.isTTY) show();
  else out.write(`… ${name}\n`);
  const timer = out.isTTY ? setInterval(show, 1000) : undefined;
  const end = (mark) => {
    clearInterval(timer);
    out.write(`${out.isTTY ? '\r' : ''}${mark} ${name} ${seconds()} s\n`);
  };
  try {
    await work();
    end('✔');
  } catch (error) {
    end('✖');
    throw error;
  }
}

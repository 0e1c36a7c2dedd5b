// Runs one command of the command line after another in one process: starting Node and reading the program is most of
// what a command costs. Requests come by descriptor 3, a line of JSON each, and are answered by descriptor 4.
//
// The program is the published one, loaded anew for every command. It ends as it would by itself: when it calls for the
// exit, or when nothing is left to wait for.
import { createWriteStream } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const program = pathToFileURL(process.argv[2]).href;
const asked = new Socket({ fd: 3, readable: true, writable: false });
const answers = createWriteStream(null, { fd: 4 });
const ours = new Map(process.eventNames().map((name) => [name, process.listeners(name)]));

class Exit extends Error {}

function listenAsAtFirst() {
  for (const name of process.eventNames()) {
    for (const listener of process.listeners(name)) {
      if (!(ours.get(name) ?? []).includes(listener)) process.removeListener(name, listener);
    }
  }
}

function catching(stream, texts) {
  return (chunk, encoding, done) => {
    texts.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    const called = typeof encoding === "function" ? encoding : done;
    if (called) called();
    return true;
  };
}

function run(number, { argv, env, cwd }) {
  return new Promise((resolve) => {
    const out = [];
    const err = [];
    const end = (code) => resolve({ code, out: out.join(""), err: err.join("") });
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, env);
    process.chdir(cwd);
    process.argv = [process.argv[0], process.argv[1], ...argv];
    process.exitCode = undefined;
    process.stdout.write = catching(process.stdout, out);
    process.stderr.write = catching(process.stderr, err);
    process.exit = (code) => {
      end(code ?? process.exitCode ?? 0);
      throw new Exit();
    };
    const failed = (error) => {
      if (error instanceof Exit) return;
      err.push(`${error?.stack ?? error}\n`);
      end(1);
    };
    process.once("beforeExit", () => end(process.exitCode ?? 0));
    process.on("uncaughtException", failed);
    process.on("unhandledRejection", failed);
    import(`${program}?command=${number}`).catch(failed);
  });
}

let number = 0;
for await (const line of createInterface({ input: asked })) {
  asked.unref();
  const ended = await run((number += 1), JSON.parse(line));
  asked.ref();
  // What the program still says on its way out belongs to nobody.
  await new Promise((resolve) => setTimeout(resolve, 5));
  listenAsAtFirst();
  answers.write(`${JSON.stringify(ended)}\n`);
}

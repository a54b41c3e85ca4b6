// SPDX-License-Identifier: ISC
// node's basic-ftp as a client. Reads lines "verb TAB argument..." and answers each with "ok TAB text" or "error TAB text".
const { Client } = require("basic-ftp"), fs = require("fs"), path = require("path"), readline = require("readline");
const a = JSON.parse(process.argv[2]);
const at = a.tls ? { minVersion: "TLSv" + a.tls, maxVersion: "TLSv" + a.tls } : {};

async function connected() {
    const c = new Client(30000);
    await c.access({ host: "localhost", port: a.port, user: a.user, password: a.password, secure: true,
                     secureOptions: { ca: fs.readFileSync(a.ca), ...at } });
    return c;
}

async function eight(pairs, work) {
    const clients = await Promise.all(Array.from({ length: 8 }, connected));
    await Promise.all(clients.map(async (c, i) => {
        for (let n = i; n < pairs.length; n += 8)
            await work(c, ...pairs[n].split("|"));
        c.close();
    }));
}

const stamp = d => d.toISOString().replace(/[-:T]/g, "").slice(0, 14);
let c;
const verbs = {
    connect: async () => { c = await connected(); },
    list: async dir => (await c.list(dir)).map(f => f.name).join("|"),
    upload: (local, remote) => c.uploadFrom(local, remote),
    download: (remote, local) => c.downloadTo(local, remote),
    resume_up: async (local, remote) => c.appendFrom(local, remote, { localStart: await c.size(remote) }),
    resume_down: (remote, local) => c.downloadTo(local, remote, fs.statSync(local).size),
    rename: (from, to) => c.rename(from, to),
    put_time: async (local, remote) => {
        await c.uploadFrom(local, remote);
        await c.send("MFMT " + stamp(fs.statSync(local).mtime) + " " + remote);
    },
    get_time: async (remote, local) => {
        await c.downloadTo(local, remote);
        const when = await c.lastMod(remote);
        fs.utimesSync(local, when, when);
    },
    parallel_up: (...pairs) => eight(pairs, (one, local, remote) => one.uploadFrom(local, remote)),
    parallel_down: (...pairs) => eight(pairs, (one, local, remote) => one.downloadTo(local, remote)),
    tree_up: (local, remote) => c.uploadFromDir(local, remote),
    tree_down: (remote, local) => c.downloadToDir(local, remote),
};

(async () => {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [verb, ...rest] = line.split("\t");
        try {
            const said = await verbs[verb](...rest);
            console.log("ok\t" + (typeof said === "string" ? said : ""));
        } catch (e) {
            console.log("error\t" + String(e).replace(/\s+/g, " "));
        }
    }
    if (c) c.close();
})();

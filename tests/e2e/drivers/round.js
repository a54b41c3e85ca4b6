// SPDX-License-Identifier: ISC
// node's ssh2-sftp-client, a command a line: see sftp_drivers.py.
const Client = require('ssh2-sftp-client');
const fs = require('fs');
const readline = require('readline');
const e = process.env, c = new Client();

const commands = {
	ls: async (path) => (await c.list(path)).map((f) => f.name),
	put: (local, remote) => c.fastPut(local, remote),
	get: (remote, local) => c.fastGet(remote, local),
	reput: async (local, remote) => {
		const start = (await c.stat(remote)).size;
		await c.put(fs.createReadStream(local, {start}), remote, {writeStreamOptions: {flags: 'r+', start}});
	},
	reget: async (remote, local) => {
		const start = fs.statSync(local).size;
		const to = fs.createWriteStream(local, {flags: 'r+', start});
		const written = new Promise((done) => to.once('close', done)); // get() ends when all has been read
		await c.get(remote, to, {readStreamOptions: {start}});
		await written;
	},
	mv: (from, to) => c.posixRename(from, to),
	ln: (target, path) => new Promise((done, failed) => c.sftp.symlink(target, path, (err) => err ? failed(err) : done())),
	chmod: (path, mode) => c.chmod(path, parseInt(mode, 8)),
	touch: (path, when) => new Promise((done, failed) => c.sftp.utimes(path, +when, +when, (err) => err ? failed(err) : done())),
	puttree: (local, remote) => c.uploadDir(local, remote),
	gettree: (remote, local) => c.downloadDir(remote, local, {useFastget: true}), // the other way ends as get() does
	many: (...jobs) => {
		const all = [];
		for (let i = 0; i < jobs.length; i += 3)
			all.push(commands[jobs[i]](jobs[i + 1], jobs[i + 2]));
		return Promise.all(all).then(() => []);
	},
};

(async () => {
	const auth = e.KEY ? {privateKey: fs.readFileSync(e.KEY)} : {password: e.PASS};
	await c.connect({host: '127.0.0.1', port: +e.PORT, username: e.NAME, ...auth});
	console.log('ok');
	for await (const line of readline.createInterface({input: process.stdin})) {
		const [command, ...words] = line.split(' ').map((w, i) => i ? Buffer.from(w, 'hex').toString() : w);
		try {
			const found = await commands[command](...words);
			console.log(['ok'].concat(Array.isArray(found) ? found.map((n) => Buffer.from(n).toString('hex')) : []).join(' '));
		} catch (err) {
			console.log('no ' + String(err).replace(/\n/g, ' '));
		}
	}
	await c.end();
})().catch((err) => { console.log('no ' + err); process.exit(1); });

// SPDX-License-Identifier: ISC
// node-ssh: a tree up into directories that are not there, and down again. Arguments: SFTP port, user, key, a tree, a directory for it to come back to.
const {NodeSSH} = require('node-ssh');
const [, , port, username, privateKeyPath, up, down] = process.argv;

(async () => {
	const s = new NodeSSH();
	await s.connect({host: '127.0.0.1', port: +port, username, privateKeyPath});
	await s.mkdir('/node-ssh/a/b', 'sftp');
	await s.putFile(__filename, '/node-ssh/c/d/file');
	const all = {recursive: true, concurrency: 4};
	if (!await s.putDirectory(up, '/node-ssh/e/tree', all) || !await s.getDirectory(down, '/node-ssh/e/tree', all))
		throw new Error('not all files');
	s.dispose();
})().catch((err) => { console.error(err); process.exit(1); });

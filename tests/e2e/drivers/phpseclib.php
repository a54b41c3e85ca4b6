<?php
// SPDX-License-Identifier: ISC
// phpseclib 3: what a web application does with it. Ends at the first thing that fails.
// Arguments: SFTP port, user, private key, password, a file.
use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Net\SFTP;

require 'phpseclib3/autoload.php';
[, $port, $user, $key, $password, $file] = $argv;
error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(function ($level, $words) { throw new ErrorException($words); }, error_reporting());

function must($what, $happened)
{
	if (!$happened) {
		fwrite(STDERR, "$what failed\n");
		exit(1);
	}
}

$data = file_get_contents($file);
$s = new SFTP('127.0.0.1', (int) $port);
must('login by key', $s->login($user, PublicKeyLoader::load(file_get_contents($key))));
must('mkdir', $s->mkdir('/seclib/a/b', -1, true) && !$s->mkdir('/seclib/a'));
must('chdir', $s->chdir('/seclib') && $s->pwd() === '/seclib');
must('put', $s->put('up', $file, SFTP::SOURCE_LOCAL_FILE) && $s->filesize('up') === strlen($data));
must('get', $s->get('up') === $data && $s->get('up', false, 1000, 5000) === substr($data, 1000, 5000));
must('put from the middle', $s->put('half', substr($data, 0, 1000)) && $s->put('half', substr($data, 1000), SFTP::SOURCE_STRING, 1000));
must('the same bytes', $s->get('half') === $data);
must('names', $s->put('ünï ☃ 1', 'x') && $s->put('empty', '') && $s->get('empty') === '');
$names = $s->nlist('.');
sort($names);
must('nlist', $names === ['.', '..', 'a', 'empty', 'half', 'up', 'ünï ☃ 1']);
must('rename', $s->rename('up', 'other') && !$s->rename('other', 'half') && $s->delete('half') && $s->rename('other', 'half'));
must('chmod', $s->chmod(0600, 'half') === 0100600 && ($s->fileperms('half') & 0777) === 0600);
must('touch', $s->touch('half', 1000000000) && $s->filemtime('half') === 1000000000);
must('truncate', $s->truncate('half', 10) && $s->get('half') === substr($data, 0, 10));
must('symlink', $s->symlink('half', 'link') && $s->readlink('link') === 'half' && $s->is_link('link'));
must('chgrp to what it is', $s->chgrp('half', $s->filegroup('half')) && $s->chown('half', $s->fileowner('half')));
must('chgrp to another one', !$s->chgrp('half', $s->filegroup('half') + 1));
must('stat of nothing', $s->stat('nothing') === false && !$s->file_exists('nothing'));
for ($i = 0; $i < 50; $i++)
	must('a small file', $s->put("small$i", "x$i") && $s->get("small$i") === "x$i");
must('delete', $s->delete('/seclib', true) && !$s->file_exists('/seclib'));
$s->disconnect();

SFTP\Stream::register();
$url = 'sftp://' . rawurlencode($user) . ':' . rawurlencode($password) . "@127.0.0.1:$port/stream";
must('writing a stream', file_put_contents($url, 'hello') === 5 && file_put_contents($url, ' you', FILE_APPEND) === 4);
must('reading it', file_get_contents($url) === 'hello you');
must('unlink', unlink($url));
